/**
 * A client that disappears in the middle of an undo, with its server, and asks again with the same token: whatever moment it
 * was, the undo is done once and whole, and the answer is the same for everybody who asks.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { scratch } from "../helpers.ts";
import { connect } from "../mcp.ts";
import { treeWorld } from "../tree-world.ts";
import { randomFrom, seedOf } from "./batches.ts";

const KILLS = 6;
const FILES = 120;
/** Writing so many files is over by then, in milliseconds. */
const SPREAD = 120;

test(`${KILLS} kills in the middle of an undo that an agent asked for`, { timeout: 120_000 }, async () => {
  const random = randomFrom(seedOf("mcp-undo"));
  const moments: string[] = [];
  for (let n = 0; n < KILLS; n++) {
    const w = treeWorld(onTestFinished);
    const config = scratch();
    const at = { home: w.home, config, cwd: w.root, env: { HOME: config, PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: w.home, CLAUDE_CONFIG_DIR: config } };
    for (let i = 0; i < FILES; i++) w.write(`f${i}.txt`, `before ${i}\n`);
    w.write("mine.txt", "mine\n");
    w.keeper.look("prompt");
    for (let i = 0; i < FILES; i++) w.edit(`f${i}.txt`, `after ${i}\n`);
    const first = await connect(at, n % 2 === 0 ? "modern" : "legacy");
    const token = /token (u_[0-9a-f]{24})/.exec((await first.call("undo")).text)![1]!;
    const dying = first.call("undo", { token }).catch(() => undefined);
    // It says what it is about to write before it writes.
    while (!existsSync(join(w.home, "restores")) || readdirSync(join(w.home, "restores")).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, random() * SPREAD));
    process.kill(first.pid(), "SIGKILL");
    await dying;
    // One of them may have been moved aside just then.
    const back = Object.values(w.tree()).filter((text) => text.includes(" before ")).length;
    moments.push(back === 0 ? "before" : back < FILES ? "in the middle" : "after");
    // Two at once, one of them of the other era.
    const others = await Promise.all([connect(at, "modern"), connect(at, "legacy")]);
    const answers = await Promise.all(others.map(({ call }) => call("undo", { token })));
    expect(answers.map(({ text, isError }) => [isError || text.includes("Nothing was written") ? text : false, /^(?:Done|This was done before)/m.test(text)])).toEqual([[false, true], [false, true]]);
    for (let i = 0; i < FILES; i++) expect(w.read(`f${i}.txt`)).toBe(`before ${i}\n`);
    expect(w.read("mine.txt")).toBe("mine\n");
    w.reopen();
    w.keeper.recover();
    expect(w.store.checkpoints(w.root).filter(({ actor }) => actor.by === "restore")).toHaveLength(1);
  }
  process.stdout.write(`killed: ${moments.join(", ")} of the writing\n`);
});
