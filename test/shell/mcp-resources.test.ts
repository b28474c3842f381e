/** Resources, prompts, completion and subscriptions of `tidemark mcp`, with the SDK's own client in both eras. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, idOf, place, tidemark } from "../helpers.ts";
import { connect, ERAS, worked } from "../mcp.ts";

const filled = place(["197 main", "error handling"], afterAll);
beforeAll(async () => {
  const { code, err } = await tidemark(filled, ["import"]);
  if (code !== 0) throw new Error(err);
});

const until = async (isSo: () => boolean): Promise<void> => {
  for (let waited = 0; !isSo(); waited += 50) {
    if (waited > 15_000) throw new Error("it did not come to be so");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe.each(ERAS)("in the %s era", (era) => {
  test("templates, recent resources and what they hold", async () => {
    const w = worked();
    const { client, call } = await connect(w.at, era);
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(["tidemark://brief/{project}", "tidemark://session/{id}", "tidemark://checkpoint/{id}/diff", "tidemark://memory/{id}", "tidemark://decisions/{project}"]);
    await call("remember", { statement: "Write `a.txt` by hand", kind: "decision" });
    await call("handoff", { next: ["Split a.txt"] });
    const { resources } = await client.listResources();
    const here = encodeURIComponent(w.root);
    expect(resources.map(({ uri }) => uri)).toEqual([`tidemark://brief/${here}`, ...w.store.checkpoints(w.root).toReversed().map(({ id }) => `tidemark://checkpoint/${id}/diff`), expect.stringMatching(/^tidemark:\/\/memory\/m[0-9a-f]{10}$/), `tidemark://decisions/${here}`]);
    const texts = new Map<string, string>();
    for (const { uri } of resources) texts.set(uri, ((await client.readResource({ uri })).contents[0] as { text: string }).text);
    expect(texts.get(`tidemark://brief/${here}`)).toContain("next: Split a.txt");
    expect(texts.get(`tidemark://decisions/${here}`)).toMatch(/^<tidemark kind="decisions">\n- \[m[0-9a-f]{10}\] Write `a\.txt` by hand \(decision, worked out by an agent, project, just now, current\)\n<\/tidemark>$/);
    expect([...texts].find(([uri]) => uri.startsWith("tidemark://checkpoint/"))![1]).toContain("-one\n+two");
    for (const text of texts.values()) expect(text).toMatch(/^<tidemark kind="/);
  });

  test.each(["tidemark://session/nonesuch", "tidemark://memory/m0000000000", "tidemark://checkpoint/ffffffff/diff", "tidemark://checkpoint/..%2F..%2Fetc/diff", "tidemark://decisions/%2Fno%2Fsuch", "tidemark://brief/a%00b", "tidemark://nothing/here", "file:///etc/passwd", "tidemark://memory/%"])("%s is not found", async (uri) => {
    const { client, err } = await connect(filled, era);
    await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32602 });
    expect(err()).toBe("");
  });

  test("who subscribed is told what changed, and of nothing else, least of all of their own reading", async () => {
    const w = worked();
    const { client, call } = await connect(w.at, era);
    const uri = `tidemark://brief/${encodeURIComponent(w.root)}`;
    const [updated, listed]: [string[], number[]] = [[], []];
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => void updated.push(params.uri));
    client.setNotificationHandler("notifications/resources/list_changed", () => void listed.push(1));
    if (era === "legacy") await client.subscribeResource({ uri });
    else await client.listen({ resourceSubscriptions: [uri], resourcesListChanged: true });
    // The first look only says where the log is.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.readResource({ uri });
    expect((await ask(w.at, ["remember", "Tabs, not spaces"])).code).toBe(0);
    await until(() => updated.length > 0 && listed.length > 0);
    await call("handoff", { next: ["Split a.txt"] });
    await until(() => updated.length > 1);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect([updated, listed.length]).toEqual([[uri, uri], 1]);
  });
});

// These hang on nothing that differs between the eras.
describe("in one era", () => {
  const era = "modern";

  test("a session is shown by its turns, and completed by its id; a project by its path", async () => {
    const { client } = await connect(filled, era);
    const { contents } = await client.readResource({ uri: `tidemark://session/${idOf("197 main")}` });
    expect((contents[0] as { text: string }).text).toMatch(/# Add a greeting[^]*\n2\. Make it friendlier RUN:sample2 \[completed, 1 file changed\]/);
    const complete = async (uri: string, name: string, value: string): Promise<string[]> => (await client.complete({ ref: { type: "ref/resource", uri }, argument: { name, value } })).completion.values;
    expect(await complete("tidemark://session/{id}", "id", "5972")).toEqual([idOf("197 main")]);
    expect(await complete("tidemark://brief/{project}", "project", "/tmp/d")).toEqual(["%2Ftmp%2Fdemo"]);
    expect(((await client.readResource({ uri: "tidemark://brief/%2Ftmp%2Fdemo" })).contents[0] as { text: string }).text).toContain("Add a greeting");
  });

  test("settings and secrets stand in no diff", async () => {
    const w = worked();
    const secret = ["ghp", "_", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].join("");
    w.edit(".env", "PASSWORD=hunter2\n");
    w.edit("deploy.sh", `TOKEN=${secret} ./run\n`);
    const { client } = await connect(w.at, era);
    const texts = [];
    for (const { uri } of (await client.listResources()).resources) if (uri.includes("checkpoint")) texts.push(((await client.readResource({ uri })).contents[0] as { text: string }).text);
    const all = texts.join("\n");
    expect(all).toContain("created .env (settings or keys: not shown)");
    expect(all).toContain("deploy.sh");
    expect(all).not.toMatch(/hunter2|A1b2C3d4/);
  });

  test("prompts put together what the tools give", async () => {
    const w = worked();
    const { client, call } = await connect(w.at, era);
    expect((await client.listPrompts()).prompts.map(({ name, arguments: given = [] }) => [name, given.map((each) => [each.name, each.required ?? false])])).toEqual([["resume", [["session", false]]], ["handoff", []], ["checkpoint", [["note", false]]], ["undo", [["turns", false]]], ["standup", [["since", false]]]]);
    const get = async (name: string, input: Record<string, string> = {}): Promise<string> => (await client.getPrompt({ name, arguments: input })).messages.map(({ content }) => (content as { text: string }).text).join("\n");
    await call("handoff", { next: ["Split a.txt"] });
    expect(await get("resume")).toContain("next: Split a.txt");
    expect(await get("handoff")).toContain("Call the tool handoff");
    expect(await get("checkpoint", { note: 'a "b"' })).toContain('with note "a \\"b\\""');
    const undo = await get("undo");
    const token = /token (u_[0-9a-f]{24})/.exec(undo)![1]!;
    expect(undo).toContain("write a.txt +1 -1");
    expect((await call("undo", { token })).text).toContain("Done");
    expect(await get("standup")).toContain("No session of this project has done anything since then.");
    for (const [name, input] of [["undo", { turns: "many" }], ["standup", { since: "someday" }], ["resume", { session: "nonesuch" }], ["nonesuch", {}]] as const) await expect(client.getPrompt({ name, arguments: input })).rejects.toMatchObject({ code: -32602 });
  });

  test("arguments of prompts are completed", async () => {
    const { client } = await connect(filled, era);
    const complete = async (name: string, argument: string, value: string): Promise<string[]> => (await client.complete({ ref: { type: "ref/prompt", name }, argument: { name: argument, value } })).completion.values;
    expect(await complete("standup", "since", "3")).toEqual(["3d"]);
    expect(await complete("undo", "turns", "")).toEqual(["1", "2", "3"]);
    expect(await complete("resume", "session", "5")).toEqual([]);
  });
});
