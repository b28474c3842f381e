/** Memory files in a real store: versions, spaces, writers at once, secrets. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { commandMemoryFiles, memoryFiles } from "./memory-files.ts";

function place(): string {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-memory-files-")));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

async function open(home: string): Promise<Store> {
  const store = await openSqliteStore(home);
  onTestFinished(() => store.close());
  return store;
}

const say = (store: Store, command: object, { name = "/work/app", holder = "one" } = {}): Promise<string> => commandMemoryFiles(store, { name, holder, clock: Date.now }, command);

test("what one writes another process reads, in its own space alone, and an older version is still to be had", async () => {
  const home = place();
  const store = await open(home);
  await say(store, { command: "create", path: "/memories/plan.md", file_text: "first" });
  const then = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await say(store, { command: "str_replace", path: "/memories/plan.md", old_str: "first", new_str: "second" });
  const other = await open(home);
  expect(await say(other, { command: "view", path: "/memories/plan.md" })).toContain("     1\tsecond");
  await expect(say(other, { command: "view", path: "/memories/plan.md" }, { name: "elsewhere" })).rejects.toThrow("does not exist");
  expect([...(await memoryFiles(other, "/work/app", then))]).toEqual([["/memories/plan.md", "first"]]);
  expect((await other.search("second", {}, 5)).hits.map(({ event }) => event.type)).toEqual(["memory.filed"]);
});

test("of many that write at once none loses what another wrote", async () => {
  const home = place();
  const stores = await Promise.all([1, 2, 3].map(() => open(home)));
  await say(stores[0]!, { command: "create", path: "/memories/list.md", file_text: "end" });
  await Promise.all(stores.flatMap((store, i) => Array.from({ length: 8 }, (_, n) => say(store, { command: "insert", path: "/memories/list.md", insert_line: 0, insert_text: `line ${i}.${n}` }, { holder: `${i}.${n}` }))));
  expect((await memoryFiles(stores[0]!, "/work/app")).get("/memories/list.md")!.split("\n").sort()).toEqual([...Array.from({ length: 24 }, (_, n) => `line ${Math.floor(n / 8)}.${n % 8}`), "end"].sort());
});

test("a command that is refused changes nothing and holds nobody up", async () => {
  const store = await open(place());
  await expect(say(store, { command: "delete", path: "/memories" })).rejects.toThrow("Cannot delete");
  expect(await say(store, { command: "create", path: "/memories/a", file_text: "" }, { holder: "two" })).toContain("created");
});

test("a secret is taken out before it is stored", async () => {
  const store = await open(place());
  const secret = ["AKIA", "IOSFODNN7", "EXAMPLQ"].join("");
  await say(store, { command: "create", path: "/memories/a", file_text: `the key is ${secret}, as ever` });
  const text = (await memoryFiles(store, "/work/app")).get("/memories/a");
  expect(text).not.toContain(secret);
  expect(text).toMatch(/^the key is .*, as ever$/);
});
