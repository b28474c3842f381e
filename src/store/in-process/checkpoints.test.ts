/** The suite on the store in memory: a place is the object its handles share. */
import { expect, test } from "vitest";
import { describeCheckpointStore, edits } from "../checkpoints.suite.ts";
import { newCheckpointPlace, openInProcessCheckpointStore } from "./checkpoints.ts";

describeCheckpointStore("in-process", () => {
  const place = newCheckpointPlace();
  return { open: () => openInProcessCheckpointStore(place), remove: () => undefined };
});

test("damage is named", () => {
  const place = newCheckpointPlace();
  const store = openInProcessCheckpointStore(place);
  edits(store, "x", ["one", "two", "three"]);
  const { contents, checkpoints } = place.memory;
  const [first, second] = contents.keys();
  contents.get(first!)!.bytes[0] = 0;
  contents.delete(second!);
  checkpoints.set(1, { ...checkpoints.get(1)!, previous: "0" });
  expect(() => store.content(first!)).toThrow(expect.objectContaining({ code: "OBJECT_DAMAGED", kind: "environment" }));
  expect(store.check().map(({ code, where }) => [code, where])).toEqual([
    ["OBJECT_CHANGED", `content ${first!.slice(7, 19)}`],
    ["CHECKPOINT_CHANGED", "checkpoint 1"],
    ["OBJECT_MISSING", "checkpoint 2"],
    ["OBJECT_MISSING", "checkpoint 3"],
  ]);
});
