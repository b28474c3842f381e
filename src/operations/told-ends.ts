/**
 * Calls that were broken off: no hook says so, but the transcript does within a second. From then on, what changes is not
 * their doing. Leaves out whose a change is (checkpoint/attribute.ts).
 */
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";

/** Ends the calls of a tree of which the log knows the result. Gives how many. */
export async function endToldCalls(log: Store, store: CheckpointStore, tree: string): Promise<number> {
  const open = store.calls(tree).filter(({ ended }) => ended === undefined);
  if (open.length === 0) return 0;
  const results = new Map((await log.get(open.map(({ id }) => `${id}:result`))).map(({ event }) => [event.id, event.time]));
  let ended = 0;
  for (const { id, started } of open) {
    const time = results.get(`${id}:result`);
    if (time === undefined) continue;
    store.callEnded(tree, id, Math.max(time, started), false);
    ended += 1;
  }
  return ended;
}
