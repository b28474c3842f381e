/**
 * Checkpoints in the log: that there is one, of which calls, with its id, which follows from all that it holds. So the log
 * tells of a session what became of its files, and `verify` can tell a store of checkpoints that was tampered with. Done
 * after the fact and in order; done twice it is harmless.
 */
import type { Event } from "../event/schema.ts";
import type { Checkpoint } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import { record } from "./record.ts";

/** Under this name the log's notes say up to which checkpoint it knows. */
const LOGGED = "checkpoints:logged";

/** Gives how many were new to the log. */
export async function logCheckpoints(log: Store, store: CheckpointStore): Promise<number> {
  const last = (await log.source(LOGGED))?.size ?? 0;
  const fresh = store.trees().flatMap((tree) => (store.newest(tree) > last ? store.checkpoints(tree).filter(({ seq }) => seq > last) : []));
  if (fresh.length === 0) return 0;
  const events = fresh.flatMap((each) => eventOf(each, store.changes(each.seq).length) ?? []);
  if (events.length > 0) await record(log, events);
  await log.putSource({ path: LOGGED, size: Math.max(...fresh.map(({ seq }) => seq)), modified: fresh.at(-1)!.time, report: "" });
  return events.length;
}

/** What a person did by themselves is no session's. */
function eventOf({ id, tree, time, kind, actor, coverage }: Checkpoint, files: number): Event | undefined {
  if (actor.by === "outside" || actor.session === undefined) return undefined;
  return {
    id: `checkpoint:${id}`, time, type: "checkpoint.sealed", session: actor.session, agent: actor.by === "agent" ? actor.agent : "tidemark",
    payload: {
      checkpoint: id, tree, kind, by: actor.by, files, skipped: coverage.skipped.length + (coverage.more ?? 0),
      ...(actor.by === "agent" && actor.turn !== undefined ? { turn: actor.turn } : {}),
      calls: actor.by === "agent" ? actor.calls.map((call) => call.id) : [],
      ...(actor.by === "restore" ? { undoes: [...actor.undoes] } : {}),
    },
  };
}
