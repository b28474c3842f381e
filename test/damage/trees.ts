/** Trees for the damage tests of restores: the same for the same seed, with everything that can stand in one, and the steps between two. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../src/base/hash.ts";
import { isVersion, sameState, type TreePath, type Version } from "../../src/checkpoint/model.ts";
import { onDisk, pathOf } from "../../src/worktree/names.ts";
import type { RestoreStep } from "../../src/worktree/restore.ts";
import { randomFrom } from "./batches.ts";

export interface Tree {
  readonly files: ReadonlyMap<TreePath, Version>;
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** How many paths are drawn from; "x/3" is a file in one tree and a folder with files in the next. */
const PATHS = [
  ...Array.from({ length: 18 }, (_, i) => `src/${i}.ts`),
  ...Array.from({ length: 6 }, (_, i) => `x/${i}`),
  ...Array.from({ length: 6 }, (_, i) => `x/${i}/in/side`),
  pathOf(Buffer.from("caf\xe9/\xff", "latin1")), "run.sh", "link", "deep/er/and/deeper",
];

export function treeOf(seed: number, n: number): Tree {
  const random = randomFrom(seed * 7919 + n * 104_729);
  const files = new Map<TreePath, Version>();
  const contents = new Map<string, Buffer>();
  for (const path of PATHS) {
    if (random() < 0.2 || [...files.keys()].some((other) => path.startsWith(`${other}/`))) continue;
    const type = path === "link" || random() < 0.1 ? "link" : "file";
    const size = random() < 0.1 ? 300_000 : Math.floor(random() * 3000);
    const bytes = type === "link" ? Buffer.from(`to/${n}/${Math.floor(random() * 3)}`) : Buffer.alloc(size, `${path} ${random() < 0.2 ? "as ever" : n}\r\n`);
    const content = `sha256:${sha256Hex(bytes)}`;
    contents.set(content, bytes);
    files.set(path, { type, mode: type === "link" ? 0 : random() < 0.3 ? 0o755 : 0o644, size: bytes.length, content });
  }
  return { files, contents };
}

export function writeTree(root: string, { files, contents }: Tree): void {
  for (const [path, { type, mode, content }] of files) {
    if (path.includes("/")) mkdirSync(onDisk(root, path.slice(0, path.lastIndexOf("/"))), { recursive: true });
    const place = onDisk(root, path);
    if (type === "link") symlinkSync(contents.get(content)!, place);
    else {
      writeFileSync(place, contents.get(content)!);
      chmodSync(place, mode);
    }
  }
}

/** What stands there now; folders are told by their files alone, an empty one by its path and a slash. */
export function readTree(root: string, folder: TreePath = "", files = new Map<TreePath, Version | "folder">(), contents = new Map<string, Buffer>()): { files: Map<TreePath, Version | "folder">; contents: Map<string, Buffer> } {
  const names = readdirSync(onDisk(root, folder), { encoding: "buffer" }).map(pathOf);
  if (names.length === 0 && folder !== "") files.set(`${folder}/`, "folder");
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const place = onDisk(root, path);
    const about = lstatSync(place);
    if (about.isDirectory()) {
      readTree(root, path, files, contents);
      continue;
    }
    const link = about.isSymbolicLink();
    const bytes = link ? readlinkSync(place, { encoding: "buffer" }) : readFileSync(place);
    const content = `sha256:${sha256Hex(bytes)}`;
    contents.set(content, bytes);
    files.set(path, { type: link ? "link" : "file", mode: link ? 0 : about.mode & 0o7777, size: bytes.length, content });
  }
  return { files, contents };
}

/** What differs, in words; nothing where they are the same. */
export function differences(tree: Tree, there: ReadonlyMap<TreePath, Version | "folder">): string[] {
  const paths = [...new Set([...tree.files.keys(), ...there.keys()])].sort();
  return paths.flatMap((path) => {
    const want = tree.files.get(path) ?? ("absent" as const);
    const is = there.get(path) ?? ("absent" as const);
    const same = is !== "folder" && sameState(want, is);
    return same ? [] : [`${path}: ${say(is)} instead of ${say(want)}`];
  });
}

const say = (state: Version | "folder" | "absent"): string => (typeof state === "string" ? state : `${state.type} ${state.mode.toString(8)} ${state.size} ${state.content.slice(7, 15)}`);

/** What is deleted first, deepest first; then what is written. */
export function stepsBetween(from: Tree, to: Tree): RestoreStep[] {
  const paths = [...new Set([...from.files.keys(), ...to.files.keys()])].sort();
  const steps = paths.map((path): RestoreStep => ({ path, expected: from.files.get(path) ?? "absent", target: to.files.get(path) ?? "absent" })).filter(({ expected, target }) => !sameState(expected, target));
  return [...steps.filter(({ target }) => !isVersion(target)).reverse(), ...steps.filter(({ target }) => isVersion(target))];
}
