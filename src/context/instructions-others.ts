/**
 * Which instruction files Codex and Gemini CLI give an agent, by their documentation and source (docs/context.md says of
 * which version). Not measured on the clients, as Claude Code's are (instructions.ts).
 */
import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import { importsIn, withoutFences } from "./instruction-text.ts";
import { foldersDown, isWithin, MOST_BYTES, type Dropped, type Files, type InstructionFile, type Kind, type Loaded, type Reason } from "./instructions.ts";

export interface OtherSituation {
  readonly cwd: string;
  readonly open?: string;
  /** The agent's own folder: ~/.codex, ~/.gemini. */
  readonly configDir: string;
  readonly tree: string;
  /** Whether the tree is a repository: without one only the folder itself counts. */
  readonly repository: boolean;
  /** Names that count besides or, with Gemini, instead of the usual. */
  readonly names: readonly string[];
  /** Codex: bytes of all the project's files together. */
  readonly most?: number;
}

/** Codex: bytes of the project's files, where its configuration does not say otherwise. */
export const CODEX_BYTES = 32 * 1024;

/** One file of each folder from the repository's root down, until the bytes are used up. */
export function codexInstructions(files: Files, { cwd, configDir, tree, repository, names, most = CODEX_BYTES }: OtherSituation): Loaded {
  const loaded: InstructionFile[] = [];
  const dropped: Dropped[] = [];
  const user = ["AGENTS.override.md", "AGENTS.md"].map((name) => plain(files, join(configDir, name), "user")).find((file) => file !== undefined);
  if (user !== undefined) loaded.push(user);
  let left = most;
  for (const folder of repository ? foldersDown(cwd).filter((each) => isWithin(tree, each)) : [cwd]) {
    const path = ["AGENTS.override.md", "AGENTS.md", ...names].map((name) => join(folder, name)).find((each) => files.read(each, MOST_BYTES) !== undefined);
    const file = path === undefined ? undefined : plain(files, path, "project");
    if (file === undefined) continue;
    if (left <= 0) {
      dropped.push({ path: file.path, why: "too large", detail: `the files before it have used up the ${most.toLocaleString("en-US")} bytes` });
      continue;
    }
    const bytes = Buffer.from(file.raw);
    loaded.push(bytes.length <= left ? file : { ...file, text: bytes.subarray(0, left).toString("utf8"), cut: `only the first ${left.toLocaleString("en-US")} of ${bytes.length.toLocaleString("en-US")} bytes are loaded` });
    left -= Math.min(left, bytes.length);
  }
  return { files: loaded, dropped };
}

/** Levels of imports below a file. */
const GEMINI_DEPTH = 5;

/** The user's, then from the repository's root down; below that what lies on the way to a file that was opened. */
export function geminiInstructions(files: Files, { cwd, open, configDir, tree, names }: OtherSituation): Loaded {
  const loaded = new Map<string, InstructionFile>();
  const dropped: Dropped[] = [];
  const take = (path: string, kind: Kind, reason: Reason, within: string, depth = 0, by?: { readonly path: string; readonly written: string }): void => {
    if (loaded.has(path)) return;
    const file = plain(files, path, kind, reason);
    if (by !== undefined) {
      const why = depth > GEMINI_DEPTH ? "too deep" : !isWithin(within, path) ? "outside" : file === undefined ? "missing" : undefined;
      if (why !== undefined) return void (/[./]/.test(by.written.slice(1)) && dropped.push({ path, why, by: by.path, written: by.written }));
    }
    if (file === undefined) return;
    loaded.set(path, by === undefined ? file : { ...file, importedBy: by.path });
    for (const written of importsIn(withoutFences(file.text))) take(normalize(isAbsolute(written) ? written : join(dirname(path), written)), kind, "include", within, depth + 1, { path, written });
  };
  for (const name of names) take(join(configDir, name), "user", "session_start", configDir);
  const all = foldersDown(cwd).filter((folder) => isWithin(tree, folder));
  for (const folder of all) for (const name of names) take(join(folder, name), "project", "session_start", tree);
  if (open !== undefined && isWithin(tree, open)) for (const folder of foldersDown(dirname(open)).filter((each) => isWithin(tree, each))) for (const name of names) take(join(folder, name), "project", "nested_traversal", tree);
  return { files: [...loaded.values()], dropped };
}

function plain(files: Files, path: string, kind: Kind, reason: Reason = "session_start"): InstructionFile | undefined {
  const found = files.read(path, MOST_BYTES);
  if (found?.text === undefined || found.text.trim() === "") return undefined;
  return { path, real: found.real, kind: kind === "project" && basename(path).includes(".override.") ? "local" : kind, reason, text: found.text, raw: found.text, bytes: found.bytes };
}
