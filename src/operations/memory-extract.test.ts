/** Extraction from stored sessions: in slices, once, with what the tree bears out; the playbook over many sessions. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { freshStore, NOW, scratch, storeWith } from "../../test/helpers.ts";
import type { Store } from "../store/store.ts";
import { extractNew, type Extracted } from "./memory-extract.ts";
import { memories, remember, review, revertPass } from "./memories.ts";
import { check, placeOf, recallMemories } from "./recall-memories.ts";
import { record } from "./record.ts";

const PROJECT = "/work/app";
const read = (store: Store, ms = 60_000): Promise<Extracted> => extractNew(store, { now: NOW, ms, clock: () => performance.now(), holder: "1" });

async function session(store: Store, id: string, tell: (c: Conversation) => void, project = PROJECT): Promise<void> {
  await record(store, conversation(tell, project, id));
}

const demand = (c: Conversation): void => {
  c.user("Fix the parser. Never push to main without asking.");
  c.agent("Done with it.");
};

describe("reading sessions", () => {
  test("takes each once, and goes on where it stopped", async () => {
    const store = await freshStore();
    await session(store, "one", demand);
    await session(store, "two", (c) => c.user("Always use pnpm in this project, please"));
    expect(await read(store, 0)).toEqual({ sessions: 1, added: 1, left: 1 });
    expect(await read(store)).toMatchObject({ sessions: 1, added: 1, left: 0 });
    const { position } = await store.head();
    expect(await read(store)).toEqual({ sessions: 0, added: 0, left: 0 });
    expect((await store.head()).position).toBe(position);
    expect([...(await memories(store)).memories.values()].map(({ statement, status }) => [statement, status])).toEqual([["Never push to main without asking.", "active"], ["Always use pnpm in this project, please", "active"]]);
  });

  test("one process at a time", async () => {
    const store = await freshStore();
    await session(store, "one", demand);
    await store.lease("memory:extracted", "another", NOW, NOW + 1000);
    expect(await read(store)).toEqual({ sessions: 0, added: 0, left: 1 });
    await store.release("memory:extracted", "another");
    expect((await read(store)).sessions).toBe(1);
  });

  test("a session that goes on adds to what is there; runs are counted once", async () => {
    const store = await freshStore();
    const passing = (times: number) => (c: Conversation): void => {
      c.user("Run the tests now, please");
      for (let i = 0; i < times; i++) c.call("Bash", { command: "npm test" }, "ok");
    };
    await session(store, "one", passing(2));
    await read(store);
    await session(store, "one", passing(5));
    await read(store);
    expect([...(await memories(store)).memories.values()].find(({ kind }) => kind === "procedural")).toMatchObject({ passes: 5, failures: 0 });
  });

  test("what was refused or taken back is not proposed again when the session goes on", async () => {
    const store = await freshStore();
    const decided = (more: boolean) => (c: Conversation): void => {
      c.user("How will you store it?");
      c.agent("I decided to keep one table because two had to be joined on each read.");
      c.agent("The lock file did not work because the share ignores it.");
      if (more) c.user("go on");
    };
    await session(store, "one", decided(false));
    await read(store);
    const before = await memories(store);
    const [first] = [...before.memories.values()].filter(({ status }) => status === "inbox");
    await review(store, [first!.id], { how: "reject" }, NOW);
    await revertPass(store, before.last!, NOW);
    await session(store, "one", decided(true));
    await read(store);
    expect([...(await memories(store)).memories.values()].filter(({ status }) => status === "inbox")).toEqual([]);
  });

  test("an item of a plan that is done is no longer under way", async () => {
    const store = await freshStore();
    const plan = (status: "pending" | "completed") => (c: Conversation): void => {
      c.user("Do both of them");
      c.plan([{ content: "Write the tests", status: "pending" }, ...(status === "completed" ? [{ content: "And more", status }] : [])]);
      if (status === "completed") c.plan([{ content: "Write the tests", status }]);
    };
    await session(store, "one", plan("pending"));
    await read(store);
    const item = async (): Promise<string | undefined> => [...(await memories(store)).memories.values()].find(({ kind }) => kind === "working")?.status;
    expect(await item()).toBe("active");
    await session(store, "one", plan("completed"));
    await read(store);
    expect(await item()).toBe("ended");
  });

  test("what a statement names is held against the tree only where the tree is as it was then", async () => {
    const root = scratch();
    mkdirSync(join(root, ".git"));
    for (const [name, time] of [["old.ts", 1], ["new.ts", NOW / 1000]] as const) {
      writeFileSync(join(root, name), "export const a = 1;\n");
      utimesSync(join(root, name), time, time);
    }
    const store = await freshStore();
    await session(store, "one", (c) => {
      c.user("Never edit old.ts by hand, it is generated");
      c.user("Never edit new.ts by hand, it is generated too");
    }, root);
    await read(store);
    const here = await placeOf(root, { PATH: process.env["PATH"] });
    const checks = [...(await memories(store)).memories.values()].filter(({ kind }) => kind === "constraint").map((memory) => check(memory, here, NOW).check);
    expect(checks).toEqual(["current", "unverified"]);
  });

  test("recorded sessions give nothing that a tool said", async () => {
    const store = await storeWith("root folder", "token usage", "error handling", "review");
    expect((await read(store)).sessions).toBe(4);
    const all = [...(await memories(store)).memories.values()];
    expect(all.length).toBeGreaterThan(4);
    expect(all.filter(({ status, trust }) => status === "active" && trust === "tool")).toEqual([]);
  });
});

test("after 200 sessions the playbook still has every item that must be kept, with true counts", async () => {
  const store = await freshStore();
  const must = Array.from({ length: 12 }, (_, i) => `Step ${i + 1} of the release is done by \`make step-${i + 1}\``);
  const scope = { level: "project", project: PROJECT } as const;
  for (const [i, statement] of must.entries()) await remember(store, { statement, kind: "procedural", key: `release:${i + 1}`, scope }, NOW - 1000);
  let passes = 0;
  for (let i = 0; i < 200; i++) {
    const ok = i % 3 !== 0;
    passes += ok ? 2 : 0;
    await session(store, `s${String(i).padStart(3, "0")}`, (c) => {
      c.user(`Work on part ${i} of it`);
      for (let run = 0; run < 2; run++) c.call("Bash", { command: "npm test" }, ok ? "ok" : "bad", ok ? "returned" : "failed");
      for (let run = 0; run < 2; run++) c.call("Bash", { command: `npm run task-${i % 40}` }, "ok");
      c.agent(`I decided to change part ${i} because its output had to be the same as before.`);
    });
    await read(store);
  }
  const state = await memories(store);
  const active = [...state.memories.values()].filter(({ kind, status }) => kind === "procedural" && status === "active");
  for (const statement of must) expect(active.map((memory) => memory.statement)).toContain(statement);
  const tests = active.find(({ statement }) => statement === "`npm test`");
  // The first session, in which it only failed, is no reason to keep it; those after it count.
  expect(tests).toMatchObject({ passes, failures: 2 * 66 });
  expect(active.filter(({ statement }) => statement.startsWith("`npm run task-"))).toHaveLength(40);
  const here = { project: PROJECT, tree: "/nowhere" };
  expect(recallMemories(state, "release step 7", { here, now: NOW, limit: 3 })[0]?.memory.statement).toBe(must[6]);
}, 120_000);
