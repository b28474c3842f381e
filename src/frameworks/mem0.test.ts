/** Code that was written for mem0 runs on it: what its calls take and give, their errors, and what theirs lose and this keeps. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { memories } from "../operations/memories.ts";
import { inSight } from "../operations/recall-memories.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import { Memory } from "./mem0.ts";

let home = "";

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-mem0-")));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
});

function open(config = {}): Memory {
  const memory = new Memory({ home, ...config });
  onTestFinished(() => memory.close());
  return memory;
}

describe("as mem0's own examples go", () => {
  test("messages are added, found, changed, listed and deleted", async () => {
    const memory = open({ version: "v1.1", embedder: { provider: "openai" }, apiKey: "x" });
    const { results } = await memory.add([
      { role: "system", content: "be brief" },
      { role: "user", content: "I'm planning to watch a movie tonight. Any recommendations?" },
      { role: "assistant", content: "How about a thriller?" },
      { role: "user", content: "I love sci-fi movies, not thrillers." },
    ], { userId: "alice", metadata: { category: "movies" } });
    expect(results.map(({ memory: text, metadata, event }) => [text, metadata, event])).toEqual([
      ["I'm planning to watch a movie tonight. Any recommendations?", { category: "movies", event: "ADD" }, "ADD"],
      ["How about a thriller?", { category: "movies", event: "ADD" }, "ADD"],
      ["I love sci-fi movies, not thrillers.", { category: "movies", event: "ADD" }, "ADD"],
    ]);
    const found = await memory.search("what does she think of sci-fi?", { filters: { user_id: "alice" } });
    expect(found.results[0]).toMatchObject({ id: results[2]!.id, memory: "I love sci-fi movies, not thrillers.", userId: "alice", metadata: { category: "movies" } });
    expect(found.results[0]!.score).toBeGreaterThan(0.5);
    expect(await memory.update(results[2]!.id, "I love India, it is my favorite country.")).toEqual({ message: "Memory updated successfully!" });
    expect(await memory.get(results[2]!.id)).toMatchObject({ memory: "I love India, it is my favorite country.", userId: "alice" });
    expect((await memory.history(results[2]!.id)).map(({ previous_value, new_value, action, is_deleted }) => [previous_value, new_value, action, is_deleted])).toEqual([
      ["I love sci-fi movies, not thrillers.", "I love India, it is my favorite country.", "UPDATE", 0],
      [null, "I love sci-fi movies, not thrillers.", "ADD", 0],
    ]);
    expect((await memory.getAll({ filters: { user_id: "alice" } })).results).toHaveLength(3);
    expect(await memory.delete(results[0]!.id)).toEqual({ message: "Memory deleted successfully!" });
    expect(await memory.get(results[0]!.id)).toBeNull();
    expect((await memory.history(results[0]!.id))[0]).toMatchObject({ action: "DELETE", new_value: null, is_deleted: 1 });
    expect(await memory.deleteAll({ userId: "alice" })).toEqual({ message: "Memories deleted successfully!" });
    expect((await memory.getAll({ filters: { user_id: "alice" } })).results).toEqual([]);
  });

  test("ids at the top, as earlier versions took them, and a plain text", async () => {
    const memory = open();
    await memory.add("My name is Alex", { user_id: "alex" });
    expect((await memory.search("name", { userId: "alex", limit: 1 })).results).toHaveLength(1);
    expect((await memory.search("name", { userId: "bob" })).results).toEqual([]);
    expect((await memory.getAll({ user_id: "alex" })).results.map(({ memory: text }) => text)).toEqual(["My name is Alex"]);
  });
});

describe("scopes and filters", () => {
  test("user, agent and run are told apart, and go together", async () => {
    const memory = open();
    await memory.add("tea in the morning", { userId: "ann" });
    await memory.add("tea in the evening", { userId: "ann", runId: "r1" });
    await memory.add("tea never", { agentId: "bot" });
    const texts = async (filters: object): Promise<string[]> => (await memory.search("tea", { filters: { ...filters } })).results.map(({ memory: text }) => text).sort();
    expect(await texts({ user_id: "ann" })).toEqual(["tea in the evening", "tea in the morning"]);
    expect(await texts({ user_id: "ann", run_id: "r1" })).toEqual(["tea in the evening"]);
    expect(await texts({ OR: [{ run_id: "r1" }, { agent_id: "bot" }] })).toEqual(["tea in the evening", "tea never"]);
    expect(await texts({ NOT: [{ user_id: "*" }] })).toEqual(["tea never"]);
    await memory.deleteAll({ userId: "ann", runId: "r1" });
    expect(await texts({})).toEqual(["tea in the morning", "tea never"]);
  });

  test("metadata is filtered by value and operator, and merged by an update", async () => {
    const memory = open();
    const { results } = await memory.add("a note", { userId: "u", metadata: { rank: 3, tags: ["x", "y"], place: { city: "Bern" } } });
    const has = async (filters: object): Promise<boolean> => (await memory.getAll({ filters: { user_id: "u", ...filters } })).results.length === 1;
    for (const filters of [{ rank: 3 }, { rank: { gte: 3, lt: 4 } }, { rank: { in: [1, 3] } }, { tags: "x" }, { tags: { contains: "y" } }, { place: { city: "Bern" } }, { rank: { ne: 4 } }, { AND: [{ rank: 3 }, { tags: "y" }] }]) {
      expect([filters, await has(filters).catch(() => "refused")]).toEqual([filters, "place" in filters ? "refused" : true]);
    }
    for (const filters of [{ rank: 4 }, { rank: "3" }, { rank: { gt: 3 } }, { rank: { gt: "2" } }, { tags: "z" }, { missing: "*" }]) expect([filters, await has(filters)]).toEqual([filters, false]);
    await memory.update(results[0]!.id, { metadata: { rank: 4 } });
    expect((await memory.get(results[0]!.id))!.metadata).toEqual({ rank: 4, tags: ["x", "y"], place: { city: "Bern" } });
    await expect(memory.getAll({ filters: { rank: { near: 3 } } })).rejects.toThrow("Unknown operator in filters: near");
  });
});

describe("what is wrong is said as mem0 says it", () => {
  test.each([
    ["no id", (memory: Memory) => memory.add("x", {}), "One of the filters: userId, agentId or runId is required!"],
    ["an empty id", (memory: Memory) => memory.add("x", { userId: " " }), "Invalid userId: cannot be empty or contain whitespace."],
    ["no messages", (memory: Memory) => memory.add([], { userId: "u" }), "messages array cannot be empty"],
    ["nothing said", (memory: Memory) => memory.add([{ role: "user", content: " \n" }], { userId: "u" }), "messages array cannot be empty"],
    ["null", (memory: Memory) => memory.add(null as never, { userId: "u" }), "messages is required"],
    ["delete all without an id", (memory: Memory) => memory.deleteAll({}), "At least one filter is required to delete all memories"],
    ["an update of nothing", (memory: Memory) => memory.update("m1", {}), "At least one of text, metadata, or expirationDate must be provided."],
    ["an unknown id", (memory: Memory) => memory.update("m1", "x"), "Memory with ID m1 not found"],
    ["delete of an unknown id", (memory: Memory) => memory.delete("m1"), "Memory with ID m1 not found"],
    ["no query", (memory: Memory) => memory.search(""), "query is required"],
    ["a threshold of 2", (memory: Memory) => memory.search("x", { threshold: 2 }), "threshold must be a number between 0 and 1."],
  ])("%s", async (_, call, message) => {
    await expect(call(open())).rejects.toThrow(message);
  });

  test("unknown ids give nothing where mem0 gives nothing", async () => {
    const memory = open();
    expect([await memory.get("m1"), await memory.history("m1")]).toEqual([null, []]);
  });
});

describe("nothing is lost", () => {
  test("said twice it is kept once; of another user it is another's", async () => {
    const memory = open();
    const first = await memory.add("I use vim", { userId: "u" });
    const again = await memory.add("I use vim", { userId: "u" });
    expect([again.results[0]!.id, again.results[0]!.event]).toEqual([first.results[0]!.id, "NONE"]);
    expect((await memory.add("I use vim", { userId: "v" })).results[0]!.event).toBe("ADD");
  });

  test("what says the opposite stays beside it", async () => {
    const memory = open();
    await memory.add("I like coffee", { userId: "u" });
    await memory.add("I do not like coffee", { userId: "u" });
    expect((await memory.search("coffee", { userId: "u" })).results).toHaveLength(2);
  });

  test("a long text, lines, emoji and CJK come back whole", async () => {
    const memory = open();
    const long = Array.from({ length: 60 }, (_, i) => `Paragraph ${i}. ${"words ".repeat(30)}`).join("\n\n");
    const { results } = await memory.add(long, { userId: "u" });
    expect(results.length).toBeGreaterThan(2);
    expect(results.map(({ memory: text }) => text).join(" ").replace(/\s+/g, " ")).toBe(long.replace(/\s+/g, " ").trim());
    for (const text of ["line one\nline two", "🎬 loves 映画 and 東京タワー"]) expect((await memory.get((await memory.add(text, { userId: "u" })).results[0]!.id))!.memory).toBe(text);
    expect((await memory.search("東京", { userId: "u" })).results[0]!.memory).toContain("東京タワー");
  });

  test("reset ends what programs keep and nothing of the person's; none of it is recalled for a project", async () => {
    const memory = open();
    await memory.add("an app's user likes tea", { userId: "u" });
    const store = await openSqliteStore(home);
    onTestFinished(() => store.close());
    expect(inSight(await memories(store), { project: "/p", tree: "/p" }, Date.now())).toEqual([]);
    await memory.reset();
    expect((await memory.getAll()).results).toEqual([]);
  });

  test("two at once on one store lose nothing", async () => {
    const [a, b] = [open(), open()];
    await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a : b).add(`fact ${i}`, { userId: "u" })));
    expect((await a.getAll({ userId: "u", topK: 50 })).results.map(({ memory: text }) => text).sort()).toEqual(Array.from({ length: 10 }, (_, i) => `fact ${i}`).sort());
  });
});
