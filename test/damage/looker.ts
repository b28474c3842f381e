/**
 * A process of its own that looks after a tree, started by tests: `node looker.mjs JOB TREE HOME ARGS…`. It says each thing it
 * has done in one line of JSON.
 */
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { asTidemarkError } from "../../src/base/errors.ts";
import { Keeper } from "../../src/operations/keeper.ts";
import { isAlive } from "../../src/cli/processes.ts";
import type { CheckpointStore } from "../../src/store/checkpoints.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import { randomFrom } from "./batches.ts";

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const environment = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };

function keeperOf(store: CheckpointStore, root: string, home: string): Keeper {
  return new Keeper({ store, home, root, environment, userHome: "/nonexistent", clock: Date.now, pid: process.pid, isAlive });
}

const JOBS: Record<string, (root: string, home: string, ...args: string[]) => void | Promise<void>> = {
  /** Looks once, as another user perhaps. */
  looks(root, home) {
    const store = openCheckpointStore(home);
    const keeper = keeperOf(store, root, home);
    const sealed = keeper.look("prompt").map(({ seq }) => store.changes(seq).map(({ path }) => path));
    const states = Object.fromEntries([...keeper.states()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, state]) => [path, typeof state === "string" ? state : state.type]));
    say({ sealed, uncovered: keeper.uncovered().sort((a, b) => (a.path < b.path ? -1 : 1)), states });
    store.close();
  },

  /** Writes files of its own and looks, again and again: `lane/N.txt` gets its number. Says what was sealed. */
  async works(root, home, lane = "", seed = "", count = "", at = "0") {
    const random = randomFrom(Number(seed));
    await sleep(Math.max(0, Number(at) - Date.now()));
    const store = openCheckpointStore(home);
    const keeper = keeperOf(store, root, home);
    keeper.begin();
    say({ begun: true });
    mkdirSync(join(root, lane), { recursive: true });
    for (let n = 0; n < Number(count); n++) {
      const path = `${lane}/${Math.floor(random() * 12)}.txt`;
      if (random() < 0.2) rmSync(join(root, path), { force: true });
      else writeFileSync(join(root, path), `${lane} ${n} `.repeat(1 + Math.floor(random() * 4000)));
      const chance = random();
      if (chance < 0.15) keeper.lookAt(path, "prompt", { own: true });
      else if (chance < 0.5) keeper.briefly(() => keeper.lookAt(path, "prompt", { own: true }));
      else keeper.look("prompt");
      if (random() < 0.1) keeper.save();
      say({ looked: n });
    }
    store.close();
  },

  /** Holds the tree, until it is killed or for so long. */
  holds(root, home, ms = "") {
    const store = openCheckpointStore(home);
    keeperOf(store, root, home).exclusively(() => {
      say({ holding: true });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms));
    });
    say({ over: true });
  },

  /** On a small disk: looks while there is no room for what has changed, and again when there is. */
  full(root, home) {
    const ballast = join(home, "..", "ballast");
    const store = openCheckpointStore(home);
    let keeper = keeperOf(store, root, home);
    const look = (): unknown => {
      try {
        return keeper.look("prompt").flatMap(({ seq }) => store.changes(seq).map(({ path }) => path)).sort();
      } catch (error) {
        return asTidemarkError(error).code;
      }
    };
    say({ first: look() });
    const noise = (n: number): Buffer => Buffer.from(Array.from({ length: 120_000 }, (_, i) => Math.floor(Math.abs(Math.sin(n * 100_000 + i)) * 1e6) % 256));
    for (let n = 0; n < 5; n++) writeFileSync(join(root, `new-${n}.bin`), noise(n));
    writeFileSync(join(root, "a.txt"), "changed on a full disk");
    const fill = (size: number): void => {
      // Down to the last byte: what is left between two pages would let a small file through.
      for (let left = size; left > 0; left = Math.floor(left / 2)) {
        try {
          writeFileSync(ballast, Buffer.alloc(left, 1), { flag: "a" });
        } catch {
          // A half of it, then.
        }
      }
    };
    fill(4 * 1024 * 1024);
    say({ full: [look(), look()] });
    // Room for a part of it.
    rmSync(ballast);
    fill(2 * 1024 * 1024);
    rmSync(ballast);
    writeFileSync(ballast, Buffer.alloc(Math.max(0, Number(statfsFree(home)) - 250_000), 1));
    say({ half: look() });
    keeper = keeperOf(store, root, home);
    say({ another: look() });
    rmSync(ballast);
    say({ freed: look(), problems: store.check().length, states: [...keeper.states().values()].filter((state) => typeof state === "object").length });
    say({ quiet: look(), size: statSync(join(home, "checkpoints.db")).size > 0 });
    store.close();
  },
};

function statfsFree(folder: string): bigint {
  const { bavail, bsize } = statfsSync(folder, { bigint: true });
  return bavail * bsize;
}

const [job = "", root = "", home = "", ...args] = process.argv.slice(2);
await JOBS[job]!(root, home, ...args);
