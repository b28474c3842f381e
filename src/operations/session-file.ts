/**
 * Keeps CLAUDE.session.md, one for each tree, in the state folder: brings it up to date after events of its session came in,
 * archives it in the log when the session ends, and brings it back when the session goes on. What stands in it is decided in
 * context/session-file.ts. A file that can no longer be read as one is left alone, and why is said.
 *
 * Beside the file lies what was last written and what hands have done to it since. Without that, everything in the file counts
 * as written by hand: then nothing is lost.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import { deriveSessionFile, editsOf, mergeEdits, NO_EDITS, notedByHand, parseSessionFile, renderSessionFile, whyLeftAlone, type Edits, type Part } from "../context/session-file.ts";
import type { EventOf } from "../event/schema.ts";
import { foldSession, type Story } from "../session/fold.ts";
import type { Store } from "../store/store.ts";
import { readInstructionFile, replaceInstructionFile } from "../worktree/instructions.ts";
import { record } from "./record.ts";
import { story } from "./sessions.ts";

export const SESSION_FILE = "CLAUDE.session.md";

/** A larger one is no session file, in bytes. */
const MOST = 256 * 1024;

/** A session that was not heard of for so long gives its place to another one, in milliseconds. */
const SILENT = 10 * 60_000;

/** What is known of the file besides its text. */
interface Kept {
  readonly tree: string;
  /** Whose it is; absent before a session has taken it over. */
  readonly session?: string;
  /** As it was last written; "" where everything in it is someone's own. */
  readonly written: string;
  readonly edits: Edits;
  /** Where its text came from, if not from a session or its reader. */
  readonly from?: string;
  /** The session has said that it ended. */
  readonly ended: boolean;
}

export interface SessionFile {
  readonly path: string;
  readonly kept?: Kept;
  /** Absent where there is none, or where it is left alone. */
  readonly text?: string;
  /** Why it is left alone. */
  readonly why?: string;
}

const folderOf = (home: string, tree: string): string => join(home, "sessions", sha256Hex(tree).slice(0, 16));

export function readSessionFile(home: string, tree: string): SessionFile {
  const path = join(folderOf(home, tree), SESSION_FILE);
  const kept = readKept(path);
  const found = readInstructionFile(path, MOST);
  const about = { path, ...(kept === undefined ? {} : { kept }) };
  if (found === undefined) return existsSync(path) ? { ...about, why: "it is no plain file" } : about;
  const why = found.text === undefined ? (found.why ?? "it cannot be read") : whyLeftAlone(found.text);
  return why === undefined ? { ...about, text: found.text! } : { ...about, why };
}

const keptFile = (path: string): string => join(dirname(path), "kept.json");

function readKept(path: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(keptFile(path), "utf8"));
    return isRecord(kept) && typeof kept["written"] === "string" && isRecord(kept["edits"]) ? (kept as unknown as Kept) : undefined;
  } catch (error) {
    // Half a file, or none: then all of the text is taken for someone's own.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function write(path: string, text: string, expected: string | undefined, kept: Kept): boolean {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (text !== expected && !replaceInstructionFile(path, text, expected)) return false;
  const beside = `${keptFile(path)}.part`;
  writeFileSync(beside, JSON.stringify(kept), { mode: 0o600 });
  renameSync(beside, keptFile(path));
  return true;
}

export type Outcome = { readonly state: "written" | "same" | "others" | "none" } | { readonly state: "left alone"; readonly path: string; readonly why: string };

/** For how long a writer that died is waited for, in milliseconds. */
const HELD = 5000;

/** After events of a session came in. Does nothing while another session that is at work has the file, or another process writes it. */
export async function keepSessionFile(store: Store, home: string, { tree, session, now, holder }: { tree: string; session: string; now: number; holder: string }): Promise<Outcome> {
  const lease = `session-file:${tree}`;
  if ((await store.lease(lease, holder, now, now + HELD)) !== holder) return { state: "others" };
  try {
    return await keep(store, home, tree, session, now);
  } finally {
    await store.release(lease, holder);
  }
}

async function keep(store: Store, home: string, tree: string, session: string, now: number): Promise<Outcome> {
  const told = await story(store, session);
  if (told.turns.length === 0) return { state: "none" };
  const { path, kept, text, why } = readSessionFile(home, tree);
  if (why !== undefined) return { state: "left alone", path, why };
  let [written, onDisk, edits]: [readonly Part[], readonly Part[], Edits] = [parseSessionFile(kept?.written ?? ""), parseSessionFile(text ?? kept?.written ?? ""), kept?.edits ?? NO_EDITS];
  const derived = deriveSessionFile(told);
  if (kept?.session !== undefined && kept.session !== session) {
    if (!(await isOver(store, kept, now))) return { state: "others" };
    if (text !== undefined) await archive(store, kept.session, path, text, now);
    const back = await archived(store, session);
    [written, onDisk, edits] = back === undefined ? [derived, derived, NO_EDITS] : restored(told, back);
  } else if (kept === undefined && text === undefined) {
    const back = await archived(store, session);
    [written, onDisk, edits] = back === undefined ? [derived, derived, NO_EDITS] : restored(told, back);
  }
  const merged = mergeEdits(written, onDisk, derived, edits);
  const next = renderSessionFile(merged.parts);
  const ended = await hasEnded(store, told);
  const from = kept?.from !== undefined && (kept.session === undefined || kept.session === session) ? { from: kept.from } : {};
  if (!write(path, next, text, { tree, session, written: next, edits: merged.edits, ended, ...from })) return { state: "others" };
  if (ended) await archive(store, session, path, next, now);
  return { state: next === text ? "same" : "written" };
}

/** As the session left it: what differs from what its story gave then was done by hand. */
function restored(told: Story, { time, payload }: EventOf<"instructions.kept">): [readonly Part[], readonly Part[], Edits] {
  const until = told.turns.flatMap(({ events }) => events).filter((event) => event.time <= time);
  const then = deriveSessionFile(foldSession(told.summary.id, until));
  const left = parseSessionFile(payload.text);
  return [left, left, editsOf(then, left)];
}

async function isOver(store: Store, { session, ended }: Kept, now: number): Promise<boolean> {
  const summary = (await store.summary(session!))?.summary;
  return ended || summary === undefined || now - summary.ended > SILENT;
}

async function hasEnded(store: Store, { summary }: Story): Promise<boolean> {
  return (await store.ofTypes(["session.ended"])).some(({ event }) => event.session === summary.id && event.time >= summary.ended - 500);
}

/** A version of the file in the log; the same one again adds nothing. */
async function archive(store: Store, session: string, path: string, text: string, now: number): Promise<void> {
  const hash = sha256Hex(text);
  if ((await archived(store, session))?.payload.hash === hash) return;
  await record(store, [{ id: `session-file:${sha256Hex(`${session}\n${hash}\n${now}`).slice(0, 32)}`, time: now, type: "instructions.kept", session, agent: "tidemark", payload: { path, hash, text } }]);
}

/** The newest version of a session, or of the one that it goes on from. */
async function archived(store: Store, session: string): Promise<EventOf<"instructions.kept"> | undefined> {
  const kept = (await store.ofTypes(["instructions.kept"])).flatMap(({ event, erased }) => (event.type === "instructions.kept" && !erased && event.payload.path.endsWith(`/${SESSION_FILE}`) ? [event] : []));
  const parents = (await store.ofTypes(["session.resumed", "session.forked"])).flatMap(({ event }) => ((event.type === "session.resumed" || event.type === "session.forked") && event.session === session ? [event.payload.from] : []));
  for (const id of [session, ...parents]) {
    const own = kept.findLast((event) => event.session === id);
    if (own !== undefined) return own;
  }
  return undefined;
}

/** What hands have written for this session, or for whichever comes next; for one that goes on it may lie in the log. */
export async function notesFor(store: Store, home: string, tree: string, session: string | undefined, most: number): Promise<string[]> {
  const { kept, text } = readSessionFile(home, tree);
  const from = kept?.from === undefined ? "" : `${kept.from}, `;
  if (text !== undefined && (session === undefined || kept?.session === undefined || kept.session === session)) {
    const parts = parseSessionFile(text);
    return notedByHand(parts, editsOf(parseSessionFile(kept?.written ?? ""), parts, kept?.edits), most).map((line) => `${from}${line}`);
  }
  const back = session === undefined ? undefined : await archived(store, session);
  if (back === undefined) return [];
  const [, parts, edits] = restored(await story(store, session!), back);
  return notedByHand(parts, edits, most);
}

/** What was erased from the log does not stay here: the files of these sessions go. */
export function forgetSessionFiles(home: string, sessions: readonly string[]): void {
  const all = join(home, "sessions");
  if (!existsSync(all)) return;
  for (const name of readdirSync(all)) {
    const owner = readKept(join(all, name, SESSION_FILE))?.session;
    if (owner !== undefined && sessions.includes(owner)) rmSync(join(all, name), { recursive: true, force: true });
  }
}

/** Puts a text there for the next session. Refused while a session that is at work has the file, or where it would be lost. */
export async function beginSessionFile(store: Store, home: string, tree: string, { text, from, now, dryRun }: { text: string; from?: string; now: number; dryRun: boolean }): Promise<{ path: string }> {
  const { path, kept, text: there, why } = readSessionFile(home, tree);
  const refuse = (reason: string): TidemarkError => new TidemarkError("SESSION_FILE", `${path} is left as it is: ${reason}`);
  if (why !== undefined) throw refuse(why);
  if (there !== undefined) {
    if (kept?.session === undefined) throw refuse("it waits for the next session");
    if (!(await isOver(store, kept, now))) throw refuse("a session is at work with it");
    if (!dryRun) await archive(store, kept.session, path, there, now);
  }
  if (!dryRun && !write(path, text, there, { tree, written: "", edits: NO_EDITS, ended: false, ...(from === undefined ? {} : { from }) })) throw refuse("it was changed at the same moment");
  return { path };
}
