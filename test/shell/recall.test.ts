/** `tidemark recall` as it is typed: answers with their sources, filters, and questions that are none. */
import { describe, expect, test } from "vitest";
import { ask, idOf, place, tidemark } from "../helpers.ts";

const at = async (): Promise<ReturnType<typeof place>> => {
  const here = place(["goreleaser", "token usage"]);
  await ask(here, ["import"]);
  return here;
};

test("a question brings what was said, with session, turn and role, and how it was found", async () => {
  const here = await at();
  const { code, data } = await ask(here, ["recall", "which field does GoReleaser not support for notarizing?"]);
  expect(code).toBe(0);
  expect(data.items[0]).toMatchObject({ kind: "episodic", statement: expect.stringMatching(/retry/), trust: "inferred", check: "unverified", valid_to: null, sources: [{ session: idOf("goreleaser"), turn: 1 }] });
  expect(data.items[0].valid_from).toMatch(/^\d{4}-\d\d-\d\dT/);
  expect(data.path).toMatch(/goreleaser \d+/);
  const shown = await tidemark(here, ["recall", "goreleaser"]);
  expect(shown.out).toMatch(/turn 1, assistant, .* ago/);
  expect(shown.out).toMatch(/Found by goreleaser/);
});

test("filters hold, and a budget of tokens is kept", async () => {
  const here = await at();
  const { data } = await ask(here, ["recall", "tokens usage retry field", "--session", idOf("token usage"), "--role", "user", "--tokens", "120"]);
  expect(data.tokens).toBeLessThanOrEqual(120);
  expect(data.items.length).toBeGreaterThan(0);
  for (const item of data.items) expect(item).toMatchObject({ trust: "user", sources: [{ session: idOf("token usage") }] });
  expect(await ask(here, ["recall", "x", "--role", "nobody"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(here, ["recall", "x", "--tokens", "some"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
});

test("for a request files of a project are told with reasons", async () => {
  const here = await at();
  const [about] = (await ask(here, ["sessions"])).data.filter(({ id }: { id: string }) => id === idOf("goreleaser"));
  const { data } = await ask(here, ["recall", "fix the goreleaser config", "--files", "--project", about.project]);
  expect(data.files[0]).toMatchObject({ path: ".goreleaser.yaml", reasons: expect.arrayContaining(["changed in sessions like it"]) });
  expect((await tidemark(here, ["recall", "fix the goreleaser config", "--files", "--project", about.project])).out).toMatch(/Likely files:\n {2}\.goreleaser\.yaml/);
});

describe("a question that is none is answered like any other", () => {
  test("whatever is typed, the answer is a document and says what was looked for", async () => {
    const here = await at();
    const odd = ['"', '""', '"goreleaser', "goreleaser AND (", "NEAR(goreleaser)", "body:goreleaser", "^goreleaser*", "🎉", "日本語", "' OR 1=1 --", "%", "\\", "   ", "\u202egoreleaser", "goreleaser ".repeat(900), "g".repeat(10_000)];
    for (const question of odd) {
      const { code, ok, data } = await ask(here, ["recall", "--", question]);
      expect([code, ok], question.slice(0, 30)).toEqual([0, true]);
      expect(data.path, question.slice(0, 30)).not.toBe("");
      if (question.includes("goreleaser")) expect(data.items[0]?.statement, question.slice(0, 30)).toMatch(/goreleaser/i);
    }
    // A process for each: on a busy machine they take a second apiece.
  }, 60_000);

  test("a mistyped word is looked for as what it may stand for, and that is said", async () => {
    const { data } = await ask(await at(), ["recall", "gorelaeser"]);
    expect(data.items[0].statement).toMatch(/goreleaser/i);
    expect(data.path).toMatch(/gorelaeser \(spelled goreleas/);
  });

  test("nothing at all is a mistake of use", async () => {
    expect((await tidemark(await at(), ["recall"])).code).toBe(2);
  });
});

test("an empty store says that nothing was found, in a folder without git too", async () => {
  const here = place([]);
  const { data, code } = await ask(here, ["recall", "anything"]);
  expect([code, data.items]).toEqual([0, []]);
});
