/**
 * A process of the fuzzer's that is killed while it captures or restores: `node child.mjs JOB.json`. It says on standard error
 * what it is about to do, so that a kill by the clock can be told where it fell.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Keeper } from "../../src/operations/keeper.ts";
import { undo, type UndoOptions, type Wanted } from "../../src/operations/undo.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import { perform, type Act } from "./acts.ts";
import { installFaults } from "./faults.ts";
import type { Call } from "./model.ts";

export interface Job {
  readonly home: string;
  readonly root: string;
  readonly userHome: string;
  readonly environment: Record<string, string>;
  /** The change before which it ends itself; 0 for never. */
  readonly killAt: number;
  /** Where it is killed by the clock: so many milliseconds after it began its work. */
  readonly killAfter?: number;
  readonly capture?: { readonly call: Call; readonly acts: readonly Act[] };
  readonly restore?: { readonly wanted: Wanted; readonly options: UndoOptions };
}

const job = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Job;
const faults = installFaults();
const { home, root, userHome, environment } = job;
const store = faults.wrap(openCheckpointStore(home));
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
};
const keeper = new Keeper({ store, home, root, environment, userHome, clock: Date.now, pid: process.pid, isAlive });
let count = 0;
let where = "";
faults.arm((name) => {
  count += 1;
  if (count === job.killAt) process.kill(process.pid, "SIGKILL");
  if (job.killAt === 0) writeSync(2, `${where} ${name}\n`);
  return false;
});

if (job.killAfter !== undefined) {
  // Its work never lets a timer of its own come up; a thread beside it does, once it says that it is there.
  const there = new Int32Array(new SharedArrayBuffer(4));
  const killer = `const { there, ms, pid } = require("node:worker_threads").workerData; Atomics.store(there, 0, 1); Atomics.notify(there, 0); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms); process.kill(pid, "SIGKILL");`;
  new Worker(killer, { eval: true, workerData: { there, ms: job.killAfter, pid: process.pid } }).unref();
  Atomics.wait(there, 0, 0, 10_000);
}
if (job.capture !== undefined) {
  const { call, acts } = job.capture;
  where = "look before";
  keeper.look("forced");
  where = "call";
  keeper.callBegan({ id: call.id, tool: "Bash", session: call.session, turn: call.turn, agent: "fuzzer", started: Date.now() });
  perform(root, acts, environment);
  keeper.callEnded(call.id, Date.now(), false);
  where = "look after";
  keeper.look("call");
}
if (job.restore !== undefined) {
  const { wanted, options } = job.restore;
  const deps = { keeper, store, home, pid: process.pid };
  // There and back, until it is killed: a kill by the clock then falls into one of them and not into the start of this process.
  for (let n = 0; n < 400; n++) {
    where = n % 2 === 0 ? "undo" : "redo";
    const { applied } = undo(n % 2 === 0 ? wanted : { verb: "redo" }, { ...options, id: createHash("sha256").update(`${options.id}-${n}`).digest("hex").slice(0, 12) }, deps);
    if (!applied) break;
  }
}
writeSync(2, "end\n");
// The thread that would kill it is not waited for.
process.exit(0);
