/**
 * A process of its own that restores, or that writes into the tree meanwhile, started by the damage tests:
 * `node restorer.mjs JOB FOLDER ARGS…`. It says each thing it has done in one line of JSON.
 */
import { chmodSync, closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256Hex } from "../../src/base/hash.ts";
import type { Version } from "../../src/checkpoint/model.ts";
import { applyRestore, recoverRestores, type RestoreStep, type StepOutcome } from "../../src/worktree/restore.ts";
import { randomFrom } from "./batches.ts";
import { readTree, stepsBetween, treeOf } from "./trees.ts";

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const contents = new Map<string, Buffer>();
const read = (id: string): Buffer => contents.get(id) ?? fail(`no such content ${id}`);
const fail = (message: string): never => {
  throw new Error(message);
};
const version = (text: string | Buffer, mode = 0o644): Version => {
  const bytes = Buffer.from(text);
  const content = `sha256:${sha256Hex(bytes)}`;
  contents.set(content, bytes);
  return { type: "file", mode, size: bytes.length, content };
};
const restore = (folder: string, id: string, steps: readonly RestoreStep[]): StepOutcome[] =>
  applyRestore(steps, { root: join(folder, "tree"), holding: join(folder, "holding"), id, read, mayRemoveDirectory: () => true });

const JOBS: Record<string, (folder: string, ...args: string[]) => void | Promise<void>> = {
  /** From one tree to the next until it is killed. */
  flip(folder, seed = "", first = "") {
    for (let n = Number(first); ; n++) {
      const [from, to] = [treeOf(Number(seed), n), treeOf(Number(seed), n + 1)];
      for (const tree of [from, to]) for (const [id, bytes] of tree.contents) contents.set(id, bytes);
      say({ begun: n + 1 });
      const wrong = restore(folder, `p${process.pid}-${n}`, stepsBetween(from, to)).filter(({ outcome, copy }) => copy !== undefined || !["written", "deleted"].includes(outcome));
      if (wrong.length > 0) fail(JSON.stringify(wrong));
      say({ done: n + 1 });
      contents.clear();
    }
  },

  /** Finishes what another was killed at. */
  recover(folder, seed = "", n = "") {
    for (const each of [Number(n) - 1, Number(n)]) for (const [id, bytes] of treeOf(Number(seed), each).contents) contents.set(id, bytes);
    say({ ready: true });
    recoverRestores(join(folder, "holding"), { read, alive: () => false });
    say({ recovered: true });
  },

  /**
   * Writes into the files of a folder for so long, in every way that programs do: in place, in two parts, by renaming
   * over, late into a file opened before. Says what it wrote last into each.
   */
  async hammer(folder, seed = "", files = "", during = "") {
    const random = randomFrom(Number(seed));
    const last = new Map<string, string>();
    const until = Date.now() + Number(during);
    say({ started: true });
    for (let n = 0; Date.now() < until; n++) {
      const name = String(Math.floor(random() * Number(files)));
      const place = join(folder, "tree", name);
      const text = `${seed} ${n} ${"hammered ".repeat(Math.floor(random() * 200))}`;
      const kind = random();
      if (kind < 0.35) {
        writeFileSync(join(folder, "hammer"), text);
        renameSync(join(folder, "hammer"), place);
      } else if (kind < 0.7 || !existsSync(place)) {
        const descriptor = openSync(place, "w");
        writeSync(descriptor, text.slice(0, 5));
        if (random() < 0.3) await sleep(1);
        writeSync(descriptor, text.slice(5));
        closeSync(descriptor);
      } else {
        const descriptor = openIfThere(place);
        if (descriptor === undefined) continue;
        await sleep(random() * 30);
        ftruncateSync(descriptor);
        writeSync(descriptor, text, 0);
        closeSync(descriptor);
      }
      last.set(name, text);
      if (random() < 0.5) await sleep(1);
    }
    for (const [name, text] of last) say({ name, text });
  },

  /** The new bytes do not fit; then they do. */
  full(folder) {
    mkdirSync(join(folder, "tree"));
    writeFileSync(join(folder, "ballast"), Buffer.alloc(1_000_000, 1));
    const steps = Array.from({ length: 25 }, (_, i): RestoreStep => {
      writeFileSync(join(folder, "tree", String(i)), `old ${i}\n`.repeat(5000));
      return { path: i % 2 === 0 ? String(i) : `made/${i}`, expected: i % 2 === 0 ? version(`old ${i}\n`.repeat(5000)) : "absent", target: version(`new ${i}\n`.repeat(10_000)) };
    });
    const before = [...readTree(join(folder, "tree")).files].sort();
    try {
      restore(folder, "full", steps);
      say({ restored: "though there was no room" });
    } catch (error) {
      say({ code: (error as { code?: string }).code, message: (error as Error).message, same: JSON.stringify([...readTree(join(folder, "tree")).files].sort()) === JSON.stringify(before), left: readdirSync(join(folder, "holding")) });
    }
    rmSync(join(folder, "ballast"));
    say({ outcomes: [...new Set(restore(folder, "room", steps).map(({ outcome }) => outcome))] });
  },

  /** "closed" is a folder that may not be written; what is said of each path, and what stands there afterwards. */
  closed(folder) {
    const steps: RestoreStep[] = [
      { path: "closed/gone", expected: version("old\n"), target: "absent" },
      { path: "closed/a", expected: version("old\n"), target: version("new\n") },
      { path: "closed/made", expected: "absent", target: version("new\n") },
      { path: "closed/deep/er", expected: "absent", target: version("new\n") },
      { path: "open", expected: version("old\n"), target: version("new\n") },
    ];
    say({ outcomes: restore(folder, "closed", steps).map(({ path, outcome, reason = "" }) => `${path} ${outcome} ${reason}`.trim()) });
    say({ there: [...readTree(join(folder, "tree")).files].sort().map(([path, state]) => `${path} ${typeof state === "string" ? state : String(read(state.content)).trim()}`), left: readdirSync(join(folder, "holding")).filter((name) => name.includes(".json")) });
  },

  /** A file whose bytes may not be read is not known to be what was expected; a mode may be given back all the same. */
  unreadable(folder) {
    const [tree, holding] = [join(folder, "tree"), join(folder, "holding")];
    mkdirSync(tree);
    for (const name of ["secret", "shut"]) writeFileSync(join(tree, name), "old\n");
    const shut = statSync(join(tree, "shut"), { bigint: true });
    for (const name of ["secret", "shut"]) chmodSync(join(tree, name), 0);
    const outcomes = applyRestore([
      { path: "secret", expected: version("old\n", 0), target: version("new\n") },
      { path: "shut", expected: "unknown", target: version("old\n") },
    ], { root: tree, holding, id: "u", read, mayRemoveDirectory: () => false });
    const after = statSync(join(tree, "shut"), { bigint: true });
    chmodSync(join(tree, "secret"), 0o600);
    say({ outcomes: outcomes.map(({ outcome, reason }) => `${outcome} ${reason}`), same: after.ino === shut.ino, text: readFileSync(join(tree, "secret"), "utf8"), names: readdirSync(tree).sort() });
  },
};

function openIfThere(place: string): number | undefined {
  try {
    return openSync(place, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const [job = "", folder = "", ...args] = process.argv.slice(2);
await JOBS[job]!(folder, ...args);
