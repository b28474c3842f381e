/**
 * Trees to measure on. Generated ones have as many files, folders and bytes as the four real ones of the study (an SDK, prettier,
 * test262, and three in one); a given one is copied, so that nothing is ever written to it.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface Shape {
  readonly name: string;
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
}

export const SHAPES: readonly Shape[] = [
  { name: "1k", files: 1_121, folders: 314, bytes: 10e6 },
  { name: "9k", files: 9_347, folders: 3_357, bytes: 24e6 },
  { name: "57k", files: 56_970, folders: 2_119, bytes: 90e6 },
  { name: "94k", files: 93_983, folders: 18_497, bytes: 154e6 },
];

/** Git without the caller's variables, settings and hooks. */
export function gitEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  const who = { GIT_AUTHOR_NAME: "b", GIT_AUTHOR_EMAIL: "b@b.invalid", GIT_COMMITTER_NAME: "b", GIT_COMMITTER_EMAIL: "b@b.invalid" };
  return { ...clean, ...who, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", ...extra };
}

export function git(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("git", ["-c", "gc.auto=0", "-c", "maintenance.auto=false", ...args], { cwd, env: gitEnvironment({ GIT_OPTIONAL_LOCKS: "1" }), maxBuffer: 1 << 30, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

/** A number in [0, 1), the same row for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = "array buffer call constructor default define escape export format function handle index iterator key length literal map method name number object parse path pattern property prototype proxy range read regexp result return scope set source static string symbol test throw token type value weak write yield".split(" ");

/** Its files were last changed more than two seconds ago, its index knows their times, and all of it is committed. */
export function generate(folder: string, shape: Shape): void {
  const next = chance(shape.files);
  const word = (): string => WORDS[Math.floor(next() * WORDS.length)]!;
  const folders = [""];
  const depths = [0];
  while (folders.length <= shape.folders) {
    // Rather a young one than an old one, so that it grows deep.
    const above = Math.floor(Math.sqrt(next()) * folders.length);
    if (depths[above]! >= 8) continue;
    const path = join(folders[above]!, `${word()}-${word()}${folders.length}`);
    mkdirSync(join(folder, path), { recursive: true });
    folders.push(path);
    depths.push(depths[above]! + 1);
  }
  let text = "";
  while (text.length < 512 * 1024) text += `${" ".repeat(2 * Math.floor(next() * 4))}${word()}.${word()}(${word()}, ${Math.floor(next() * 100)}); // ${word()} ${word()} ${word()}\n`;
  const mean = shape.bytes / shape.files;
  for (let i = 0; i < shape.files; i++) {
    // No folder stays empty; the rest goes to some more than to others. Sizes are log-normal with a sigma of 1.
    const into = i < folders.length ? i : Math.floor(next() ** 2 * folders.length);
    const size = Math.min(300_000, Math.round(mean * Math.exp(Math.sqrt(-2 * Math.log(next() || 0.5)) * Math.cos(2 * Math.PI * next()) - 0.5)));
    const from = Math.floor(next() * (text.length - size));
    writeFileSync(join(folder, folders[into]!, `${word()}-${word()}-${i}.js`), `// ${i}\n${text.slice(from, from + size)}`);
  }
  git(folder, "init", "-q");
  commit(folder);
}

export function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["-a", from, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cp: ${stderr}`);
  if (lstatSync(join(to, ".git"), { throwIfNoEntry: false })?.isDirectory() !== true) git(to, "init", "-q");
  commit(to);
}

function commit(folder: string): void {
  git(folder, "add", "-A");
  git(folder, "commit", "-qm", "as it was", "--allow-empty", "--no-verify");
  // As a clone is: 94,000 loose objects would be what is measured, and each peer gets a copy.
  git(folder, "repack", "-adq", "--window=0");
  age(folder);
}

/** Times of change cannot be set, so they are waited for; then the index is written anew, younger than all it speaks of. */
export function age(folder: string): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  appendFileSync(join(folder, ".git/info/exclude"), "");
  // A refresh that finds nothing new would leave the old time.
  const { status, stderr } = spawnSync("git", ["update-index", "-q", "--refresh", "--force-write-index"], { cwd: folder, env: gitEnvironment({ GIT_OPTIONAL_LOCKS: "1" }), encoding: "utf8" });
  if (status !== 0) throw new Error(`git update-index: ${stderr}`);
}

export function filesOf(folder: string): string[] {
  return git(folder, "ls-files", "-z").split("\0").filter((path) => path !== "");
}

/** Writes to files of a tree, and puts their bytes back. */
export class Editor {
  readonly #root: string;
  readonly #paths: readonly string[];
  readonly #before = new Map<string, Buffer>();
  #n = 0;

  constructor(root: string, paths: readonly string[]) {
    this.#root = root;
    this.#paths = paths.filter((path) => basename(path) !== ".gitignore" && dirname(path) !== ".git");
  }

  /** Some `count` files, far apart, others each time. */
  pick(count: number): string[] {
    const picked = new Set<string>();
    const step = Math.max(1, Math.floor(this.#paths.length / Math.max(1, count)));
    for (let i = (this.#n++ * 7919) % this.#paths.length; picked.size < count; i += step) {
      const path = this.#paths[i % this.#paths.length]!;
      const about = lstatSync(join(this.#root, path), { throwIfNoEntry: false });
      if (about?.isFile() === true && about.size < 65_536 && !picked.has(path)) picked.add(path);
      else i++;
    }
    return [...picked];
  }

  edit(paths: readonly string[]): void {
    for (const path of paths) {
      const file = join(this.#root, path);
      const bytes = readFileSync(file);
      if (!this.#before.has(path)) this.#before.set(path, bytes);
      const lines = bytes.toString("latin1").split("\n");
      lines[Math.floor(lines.length / 2)] = `// edit ${this.#n} ${Math.random()}`;
      writeFileSync(file, lines.join("\n"), "latin1");
    }
  }

  undo(): void {
    for (const [path, bytes] of this.#before) writeFileSync(join(this.#root, path), bytes);
    this.#before.clear();
  }
}
