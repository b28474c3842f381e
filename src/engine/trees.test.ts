/** What the trees of an engine see between calls, by their watches, on real folders. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Told } from "../agents/claude-code/calls.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { GIT, treeWorld } from "../../test/tree-world.ts";
import { Trees } from "./trees.ts";

test("what you write to a file in an ignored folder, once an edit tool has named it, is taken before the next command", async () => {
  const w = treeWorld(onTestFinished);
  w.write(".gitignore", "gen/\n");
  w.write("gen/deep/config.json", "v0\n");
  const trees = new Trees({ open: () => openCheckpointStore(w.home), home: w.home, userHome: "/nobody", environment: { PATH: process.env["PATH"], ...GIT }, clock: Date.now, pid: process.pid, isAlive: () => true });
  onTestFinished(() => trees.close());
  const say = (kind: Told["kind"], call?: Told["call"]): Promise<unknown> => trees.take({ kind, agent: "claude-code", session: "s1", turn: "t1", cwd: w.root, ...(call === undefined ? {} : { call }) }, Date.now());
  const rested = async (): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      await sleep(100);
      trees.rest();
    }
  };
  await say("start");
  await say("prompt");
  const edit = { id: "e1", tool: "Write", input: { file_path: join(w.root, "gen/deep/config.json") } };
  await say("before", edit);
  w.write("gen/deep/config.json", "agent\n");
  await say("after", edit);
  await rested();
  w.write("gen/deep/config.json", "an hour of work\n");
  const command = { id: "b1", tool: "Bash", input: { command: "node gen.js" } };
  await say("before", command);
  w.write("gen/deep/config.json", "generated\n");
  await say("after", command);
  const sizes = w.store.checkpoints(w.root).flatMap(({ seq }) => w.store.changes(seq).map(({ after }) => (typeof after === "object" ? after.size : after)));
  expect(sizes).toContain("an hour of work\n".length);
});
