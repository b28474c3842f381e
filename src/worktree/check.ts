/**
 * Whether what a brief says of files is true of the tree now. Reads at most the files asked about, each to 1 MiB, and
 * writes nothing. A file's time alone proves little (a checkout touches it), so its text is looked at too.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";

export interface FileQuestion {
  readonly path: string;
  readonly names: readonly string[];
  readonly written: readonly string[];
}

export interface FileAnswer {
  readonly check: "current" | "changed" | "gone";
  readonly names?: ReadonlySet<string>;
}

/** Whether the project a session worked in is on this machine. */
export function isHere(project: string): boolean {
  return project !== "" && existsSync(project);
}

const READ_AT_MOST = 1024 * 1024;

/** `since` is when the session ended, in milliseconds. Undefined: the path lies where nothing can be said. */
export function checkFile(project: string, question: FileQuestion, since: number): FileAnswer | undefined {
  const path = isAbsolute(question.path) ? question.path : join(project, question.path);
  // Files outside the project may be elsewhere on the machine the session ran on; their absence proves nothing.
  const inside = path === project || path.startsWith(`${project}/`);
  const about = statSync(path, { throwIfNoEntry: false });
  if (about === undefined) {
    // A bare name can lie in any folder; only a path that names a folder can be gone.
    return inside && question.path.includes("/") && existsSync(project) ? { check: "gone" } : undefined;
  }
  if (!about.isFile() || about.size > READ_AT_MOST) return { check: about.mtimeMs <= since ? "current" : "changed" };
  const text = readText(path);
  if (text === undefined) return undefined;
  const names = new Set(question.names.filter((name) => text.includes(name)));
  const last = question.written.at(-1);
  const untouched = about.mtimeMs <= since || (last !== undefined && last.trim() !== "" && text.includes(last));
  return { check: untouched ? "current" : "changed", names };
}

/** For a command that runs a file or an npm script: whether that is still there. Undefined where it cannot be told. */
export function commandStands(project: string, command: string): boolean | undefined {
  const [program = "", first = "", second = ""] = command.split(" ");
  if (/^\.{1,2}\//.test(program) || program.startsWith(`${project}/`)) return existsSync(isAbsolute(program) ? program : join(project, program));
  const script = /^(?:npm|pnpm|yarn)$/.test(program) ? (first === "run" ? second : first === "test" || first === "start" ? first : undefined) : undefined;
  if (script === undefined || script === "") return undefined;
  const text = readText(join(project, "package.json"));
  if (text === undefined) return undefined;
  try {
    const { scripts } = JSON.parse(text) as { scripts?: Record<string, unknown> };
    return scripts !== undefined && Object.hasOwn(scripts, script);
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
