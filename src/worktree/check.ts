/**
 * Whether what a brief says of files is true of the tree now. Reads at most the files asked about, each to 1 MiB, and
 * writes nothing. What was written since counts as changed, unless the text is
 * the very one the agent left.
 */
import { existsSync, readFileSync, statSync, type Stats } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";

export interface FileQuestion {
  /** Every path it was named by, best first. */
  readonly paths: readonly string[];
  readonly names: readonly string[];
  /** The whole text the agent last wrote into it, where it wrote it whole. */
  readonly written?: string;
}

export interface FileAnswer {
  /** Where it was found. */
  readonly path?: string;
  readonly check: "current" | "changed" | "gone";
  readonly names?: ReadonlySet<string>;
}

/** Whether the project a session worked in is on this machine. */
export function isHere(project: string): boolean {
  return project !== "" && existsSync(project);
}

const READ_AT_MOST = 1024 * 1024;

/**
 * `since` is when the session ended, in milliseconds. `folders` are where a relative path may start: the session's own
 * folder first, then its tree. Undefined: nothing can be said, because the path lies outside of the tree or may never
 * have been one.
 */
export function checkFile(root: string, folders: readonly string[], question: FileQuestion, since: number): FileAnswer | undefined {
  let missing = false;
  for (const path of question.paths) {
    for (const folder of isAbsolute(path) ? [root] : folders) {
      const full = resolve(folder, path);
      if (full !== root && !full.startsWith(`${root}/`)) continue;
      const about = look(full);
      if (about === undefined) continue;
      // Only a path that the agent's tools used whole is known to have been there; a name in prose can be anything.
      if (about === "absent") missing ||= isAbsolute(path);
      else return checkPresent(full, about, question, since);
    }
  }
  return missing ? { check: "gone" } : undefined;
}

function checkPresent(path: string, about: Stats, question: FileQuestion, since: number): FileAnswer {
  const old = about.mtimeMs <= since;
  if (about.size > READ_AT_MOST) return { path, check: old ? "current" : "changed" };
  const text = readText(path);
  if (text === undefined) return { path, check: old ? "current" : "changed" };
  const names = new Set(question.names.filter((name) => holdsWord(text, name)));
  // Written since, yet the very text the agent left: a checkout or a touch.
  return { path, check: old || text === question.written ? "current" : "changed", names };
}

function look(path: string): Stats | "absent" | undefined {
  try {
    const about = statSync(path);
    return about.isFile() ? about : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A folder on the way that has become a file; anything else (too long, a loop, no permission) says nothing.
    return code === "ENOENT" || code === "ENOTDIR" ? "absent" : undefined;
  }
}

function holdsWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isWordUnit(text.charCodeAt(at - 1)) && !isWordUnit(text.charCodeAt(at + word.length))) return true;
  }
  return false;
}

function isWordUnit(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95;
}

/** For a command that runs a file or an npm script: whether that is still there. Undefined where it cannot be told. */
export function commandStands(project: string, command: string): boolean | undefined {
  const [program = "", first = "", second = ""] = command.split(" ");
  // A script is what runs or the first argument of what runs it: ./build.sh, python scripts/x.py, node tools/y.mjs.
  const script = [program, first].find((word) => /^\.{1,2}\//.test(word) || word.startsWith(`${project}/`) || /^[\w@.-]+\/[\w@./-]*\.\w+$/.test(word));
  if (script !== undefined) return existsSync(isAbsolute(script) ? script : join(project, script));
  const task = /^(?:npm|pnpm|yarn)$/.test(program) ? (first === "run" ? second : first === "test" || first === "start" ? first : undefined) : undefined;
  if (task === undefined || task === "") return undefined;
  const text = readText(join(project, "package.json"));
  if (text === undefined) return undefined;
  try {
    const { scripts } = JSON.parse(text) as { scripts?: Record<string, unknown> };
    return scripts !== undefined && Object.hasOwn(scripts, task);
  } catch {
    // A package.json that is being edited says nothing about its scripts.
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not readable is not checkable.
    return undefined;
  }
}
