/** What every store must find when it is asked to recall. A part of the suite of the session index (store.suite.ts). */
import { expect } from "vitest";
import { answer, called, event, forked, prompt, returned, START, started } from "../../test/builders.ts";
import type { Event } from "../event/schema.ts";
import { understand } from "./question.ts";
import type { PassageFilter, Store } from "./store.ts";

type Check = (title: string, body: (open: () => Promise<Store>) => Promise<void>) => void;

const NOW = START + 365 * 86_400_000;

async function takeAll(store: Store): Promise<void> {
  for (;;) {
    const { position, head } = await store.takePassages(3);
    if (position === head) return;
  }
}

async function recalled(store: Store, query: string, filter: PassageFilter = {}, limit = 10): Promise<string[]> {
  return (await store.recall(understand(query, NOW), filter, limit)).passages.map(({ text }) => text);
}

export function recalling(check: Check): void {
  const finds = (what: string, text: string, queries: readonly string[]): void =>
    check(`recall finds ${what}`, async (open) => {
      const store = await open();
      await store.append([prompt("nothing to see here"), answer(text), prompt("unrelated matter", { session: "s2" })]);
      await takeAll(store);
      for (const handle of [store, await open()]) for (const query of queries) expect((await recalled(handle, query))[0], query).toBe(text);
    });
  finds("a word in any case and form", "We migrated the tables", ["MIGRATING", "which table?"]);
  finds("a part of a camelCase name, and the whole", "call parseHTTPResponse twice", ["response", "parseHTTPResponse"]);
  finds("a part of a snake_case name or a path", "set max_retry_count in src/billing/invoice-lines.ts", ["retry", "src/billing/invoice-lines.ts"]);
  finds("a word of like meaning", "we saw a film at the lake", ["movies"]);
  finds("an irregular form", "they went home and bought bread", ["who will go", "buy"]);
  finds("a run of Chinese, Japanese or Korean characters within a longer one", "これは日本語の文章です", ["日本語", "文章"]);
  finds("a word that was mistyped", "the reconciliation job failed", ["reconcilliation", "reconciliaton"]);
  finds("what stands between the marks of a query language", 'NEAR(certificate) AND "x', ["certificate*", "(certificate", 'certificate"', "body:certificate", "certificate NOT zebra", "^certificate", "-certificate", "NEAR/3 certificate OR"]);
  finds("a text of symbols as it stands", "done 🎉 at last", ["🎉"]);
  finds("words among ten thousand characters of others", "the certificate expired", [`certificate ${"lorem ipsum dolor ".repeat(600)}`]);

  check("recall of what is not there finds nothing and says what was looked for, whatever is asked", async (open) => {
    const store = await open();
    for (const query of ["zebra", "", "   ", '"', '""', "🎉", "*", "a AND", "\0", "\ud800"]) expect(await store.recall(understand(query, NOW), {}, 5), query).toMatchObject({ passages: [], more: false });
    await store.append([prompt("hello")]);
    await takeAll(store);
    for (const query of ["zebra", '"', "🎉", "NEAR(", "\ud800"]) {
      const answer = await store.recall(understand(query, NOW), {}, 5);
      expect(answer.passages, query).toEqual([]);
      expect(answer.path, query).not.toBe("");
    }
  });

  check("an answer is found by the words of the question before it", async (open) => {
    const store = await open();
    await store.append([prompt("Which database shall we take for the ledger?"), answer("Postgres, since it has advisory locks"), prompt("filler words", { session: "s2" }), answer("more filler", { session: "s2" })]);
    await takeAll(store);
    expect(await recalled(store, "database for the ledger")).toEqual(["Which database shall we take for the ledger?", "Postgres, since it has advisory locks"].toReversed());
  });

  check("what a named speaker said comes before what others said of the same", async (open) => {
    const store = await open();
    const said = (speaker: string, text: string, session: string): Event => event("answer", { text, speaker }, { session });
    await store.append([said("Ann", "I painted a lake", "s1"), said("Ben", "I painted a lake too", "s2")]);
    await takeAll(store);
    expect((await recalled(store, "what has Ann painted"))[0]).toBe("I painted a lake");
    expect((await recalled(store, "what has Ben painted"))[0]).toBe("I painted a lake too");
  });

  check("a named day brings what was said then, also without its words", async (open) => {
    const store = await open();
    await store.append([answer("about cheese", { time: Date.UTC(2025, 2, 4, 12) }), answer("about bread", { time: Date.UTC(2025, 3, 9, 12), session: "s2" })]);
    await takeAll(store);
    expect(await recalled(store, "what happened on 4 March 2025")).toEqual(["about cheese"]);
    expect(await recalled(store, "2025-04-09")).toEqual(["about bread"]);
  });

  check("what tools printed and what nobody wrote are no passages", async (open) => {
    const store = await open();
    await store.append([returned("bassoon"), called("Bash", { command: "bassoon" }), event("prompt", { text: "bassoon", kind: "injected" }), prompt("oboe")]);
    await takeAll(store);
    expect(await recalled(store, "bassoon oboe")).toEqual(["oboe"]);
  });

  check("a passage says where it stands, and a long text is recalled by its pieces", async (open) => {
    const store = await open();
    const long = answer(`${"First paragraph about apples. ".repeat(15)}\n\n${"Second paragraph about pears. ".repeat(15)}`, { session: "s1" });
    await store.append([started("s1", "/work/app", {}), long]);
    await takeAll(store);
    const { passages } = await store.recall(understand("pears", NOW), {}, 1);
    expect(passages).toMatchObject([{ position: 2, event: long, part: 1, project: "/work/app", branch: "" }]);
    expect(passages[0]!.text).toMatch(/^Second/);
  });

  check("a filter of recall leaves out everything else", async (open) => {
    const store = await open();
    const shared = prompt("flute shared", { session: "s1", time: 1000 });
    await store.append([
      prompt("flute before its start", { session: "s1", time: 500 }), event("session.started", { project: "/a", branch: "main" }, { id: "s1:started", session: "s1" }), shared,
      started("s2", "/b"), answer("flute answer", { session: "s2", time: 2000 }), forked("s3", "s1", [shared.id]), prompt("flute own", { session: "s3", time: 3000 }), prompt("flute other", { session: "s4", time: 4000, agent: "other" }),
    ]);
    await takeAll(store);
    const all = ["flute before its start", "flute shared", "flute answer", "flute own", "flute other"];
    for (const [filter, expected] of [
      [{}, all], [{ project: "/a" }, all.slice(0, 2)], [{ branch: "main" }, all.slice(0, 2)], [{ session: "s2" }, ["flute answer"]], [{ session: "s3" }, ["flute shared", "flute own"]],
      [{ role: "assistant" }, ["flute answer"]], [{ agent: "Other" }, ["flute other"]], [{ since: 1000, until: 3000 }, all.slice(1, 4)], [{ project: "/zebra" }, []],
    ] as const) expect((await recalled(store, "flute", filter)).toSorted(), JSON.stringify(filter)).toEqual(expected.toSorted());
  });

  check("passages are there as far as they were taken in, for every handle, and taking twice changes nothing", async (open) => {
    const store = await open();
    await store.append([prompt("flute one"), prompt("flute two", { session: "s2" })]);
    expect(await recalled(store, "flute")).toEqual([]);
    expect(await store.takePassages(1)).toEqual({ position: 1, head: 2 });
    expect(await recalled(await open(), "flute")).toEqual(["flute one"]);
    await takeAll(store);
    await takeAll(await open());
    expect(await recalled(store, "flute")).toHaveLength(2);
    expect(await store.checkIndex()).toEqual([]);
    await store.append([prompt("flute three", { session: "s3" })]);
    expect(await store.checkIndex(), "what is not taken in yet is no damage").toEqual([]);
  });

  check("what another handle takes in or erases holds for the next question of this one", async (open) => {
    const [store, other] = [await open(), await open()];
    const gone = prompt("flute secret");
    await store.append([prompt("flute one"), gone]);
    await takeAll(store);
    expect((await recalled(store, "flute")).toSorted()).toEqual(["flute one", "flute secret"]);
    await other.append([prompt("flute three", { session: "s3" })]);
    await takeAll(other);
    await other.erase([gone.id]);
    expect((await recalled(store, "flute")).toSorted()).toEqual(["flute one", "flute three"]);
    await store.append([prompt("flute four", { session: "s4" })]);
    await takeAll(store);
    expect((await recalled(store, "flute")).toSorted()).toEqual(["flute four", "flute one", "flute three"]);
  });

  check("what was erased is not recalled, and a rebuild gives the same passages", async (open) => {
    const store = await open();
    const gone = prompt("a bassoon secret");
    await store.append([started("s1", "/work/app"), prompt("what about the bassoon?"), gone, answer("bassoon kept"), prompt("the last bassoon", { session: "s2" })]);
    await takeAll(store);
    await store.erase([gone.id]);
    expect(await recalled(store, "secret")).toEqual([]);
    const before = (await recalled(store, "bassoon")).toSorted();
    expect(before).toEqual(["bassoon kept", "the last bassoon", "what about the bassoon?"]);
    expect(await store.checkIndex()).toEqual([]);
    await store.rebuildIndex();
    expect((await recalled(await open(), "bassoon")).toSorted()).toEqual(before);
    expect(await store.checkIndex()).toEqual([]);
  });

  check("the same words are recalled once, and more is said where more is there", async (open) => {
    const store = await open();
    await store.append([prompt("same flute"), prompt("same  flute", { session: "s2" }), ...Array.from({ length: 8 }, (_, i) => prompt(`flute number ${i}`, { session: `t${i}` }))]);
    await takeAll(store);
    expect(await recalled(store, "same flute", {}, 20)).toHaveLength(9);
    expect(await store.recall(understand("flute", NOW), {}, 5)).toMatchObject({ more: true });
    expect(await store.recall(understand("flute", NOW), {}, 9)).toMatchObject({ more: false });
  });
}
