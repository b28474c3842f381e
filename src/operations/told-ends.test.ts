/** A call that was broken off is over when its transcript says so. */
import { expect, onTestFinished, test } from "vitest";
import { treeWorld } from "../../test/tree-world.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import { record } from "./record.ts";
import { endToldCalls } from "./told-ends.ts";

test("what changes after a call was stopped is not its doing", async () => {
  const w = treeWorld(onTestFinished);
  const log = await openInProcessStore();
  w.keeper.begin();
  const started = Date.now() - 5000;
  w.keeper.callBegan({ id: "toolu_0000000000000001", tool: "Bash", session: "s1", agent: "claude-code", turn: "t", started });
  expect(await endToldCalls(log, w.store, w.root)).toBe(0);
  await record(log, [{ id: "toolu_0000000000000001:result", time: started + 1000, type: "tool.failed", session: "s1", agent: "claude-code", payload: { call: "toolu_0000000000000001", error: "stopped", rejected: true } }]);
  expect(await endToldCalls(log, w.store, w.root)).toBe(1);
  w.write("mine.md", "after I stopped it\n");
  expect(w.keeper.look("prompt").map(({ actor }) => actor.by)).toEqual(["outside"]);
});
