/**
 * Words left for an agent: that files it knows were put back, so that it does not go on from what they no longer are. Each
 * is a small file in the state folder, taken at that session's next prompt. Leaves out how it is worded for the agent's own
 * protocol, and when it is asked for (cli/).
 */
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../base/hash.ts";
import { plural } from "../base/text.ts";

export interface Word {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Whose work it was about, where it was that of one. */
  readonly session?: string;
  readonly verb: "undo" | "redo" | "restore";
  /** Who asked for it: the user, if nobody else is named. */
  readonly by?: "agent";
  readonly files: readonly { readonly path: string; readonly action: string }[];
  /** The tree that the paths are in. */
  readonly tree: string;
}

/** How many files are named to an agent; it can look at the rest itself. */
const NAMED = 40;

export function wordsFolder(home: string): string {
  return join(home, "tell");
}

/** Ids come from agents: what could not be a file's name is replaced by its hash. */
function keyOf(session: string): string {
  return /^[\w-]{1,80}$/.test(session) ? session : sha256Hex(session).slice(0, 32);
}

/** For the next prompt of this session. */
export function leaveWord(home: string, session: string, word: Word, pid: number): void {
  const folder = wordsFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const part = join(folder, `${keyOf(session)}.${pid}.part`);
  writeFileSync(part, JSON.stringify(word), { mode: 0o600 });
  try {
    for (let n = 1; ; n++) {
      try {
        // Whole or not there, and never over another one's.
        linkSync(part, join(folder, `${keyOf(session)}-${n}.json`));
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  } finally {
    rmSync(part, { force: true });
  }
}

/** All that was left for a session, oldest first. It is told once: what two take at the same moment may be told twice. */
export function takeWords(home: string, session: string): Word[] {
  const folder = wordsFolder(home);
  const own = wordFiles(folder).filter(({ key }) => key === keyOf(session)).sort((a, b) => a.n - b.n);
  return own.flatMap(({ name }): Word[] => {
    const word = readWord(join(folder, name));
    rmSync(join(folder, name), { force: true });
    return word === undefined ? [] : [word];
  });
}

/** What was left for sessions that never came back for it. Gives how many. */
export function sweepWords(home: string, before: number): number {
  const folder = wordsFolder(home);
  const old = wordFiles(folder).filter(({ name }) => (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < before);
  for (const { name } of old) rmSync(join(folder, name), { force: true });
  return old.length;
}

/** One paragraph for an agent; "" for no words. Paths are of the tree, which has its own names: they are quoted. */
export function inWords(words: readonly Word[]): string {
  return words.map(({ verb, by, files, tree }) => {
    const said = files.slice(0, NAMED).map(({ path, action }) => `${DONE[action] ?? action} ${JSON.stringify(path)}`).join(", ");
    const more = files.length > NAMED ? `, and ${plural(files.length - NAMED, "more file")}` : "";
    return `${by === "agent" ? `An agent put files back (tidemark ${verb})` : `The user ran tidemark ${verb}`} in ${JSON.stringify(tree)} since your last turn. What you know of these files no longer holds; read them again before you change them: ${said}${more}.`;
  }).join("\n");
}

const DONE: Readonly<Record<string, string>> = { write: "put back", merge: "merged", delete: "removed" };

function wordFiles(folder: string): { name: string; key: string; n: number }[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const found = /^([\w-]+)-(\d+)\.json$/.exec(name);
      return found === null ? [] : [{ name, key: found[1]!, n: Number(found[2]) }];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Undefined where another has taken it, or where it is not what was written. */
function readWord(path: string): Word | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Word;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
