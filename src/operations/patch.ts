/**
 * One file's change as `git diff` prints it, from what stood there before and after. Pure. Text is shown line by line;
 * bytes that are none are said to be so. Modes are the whole permissions, which git knows only in part.
 */
import { isUtf8 } from "node:buffer";
import { countLines, unifiedDiff, type LineCount } from "../base/diff.ts";
import { isVersion, type State, type TreePath, type Version } from "../checkpoint/model.ts";

/** Bytes beyond which nothing is compared line by line. */
export const MOST_BYTES = 8 * 1024 * 1024;

/** A side's bytes; undefined where nothing stands there, or why they are not to be had. */
export type Side = Uint8Array | { readonly missing: string } | undefined;

export type ChangeWord = "created" | "deleted" | "edited" | "mode" | "type";

export interface Told {
  readonly change: ChangeWord;
  /** Undefined where lines were not or cannot be counted: no text, too large, or not kept. */
  readonly added?: number;
  readonly removed?: number;
  /** False where more lines are said to have changed than have, since comparing them all would take too long. */
  readonly exact: boolean;
  readonly binary: boolean;
  /** Why there is nothing to show of it. */
  readonly note?: string;
}

export function changeWord(before: State, after: State): ChangeWord {
  if (before === "absent") return "created";
  if (after === "absent") return "deleted";
  if (!isVersion(before) || !isVersion(after)) return "edited";
  if (before.type !== after.type) return "type";
  return before.content === after.content ? "mode" : "edited";
}

/** Like git: a NUL near the beginning makes it no text. */
export function isBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 8000).includes(0);
}

/** As text; bytes that are no UTF-8 one by one, so that lines that differ in them differ. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(isUtf8(bytes) ? "utf8" : "latin1");
}

export function tell(before: State, after: State, old: Side, young: Side): Told {
  const change = changeWord(before, after);
  if (change === "mode") return { change, added: 0, removed: 0, exact: true, binary: false };
  const note = missing(before, old, "before") ?? missing(after, young, "after");
  if (note !== undefined) return { change, exact: true, binary: false, note };
  const [a, b] = [bytesIn(old), bytesIn(young)];
  // The same bytes may go by two names: the store's, and that of a blob in the user's repository.
  if (change === "edited" && Buffer.compare(a, b) === 0) return { change: "mode", added: 0, removed: 0, exact: true, binary: false };
  if (isBinary(a) || isBinary(b)) return { change, exact: true, binary: true };
  if (a.length > MOST_BYTES || b.length > MOST_BYTES) return { change, exact: true, binary: false, note: "too large to compare line by line" };
  return { change, ...counted(before, after, a, b), binary: false };
}

function counted(before: State, after: State, a: Uint8Array, b: Uint8Array): LineCount {
  return countLines(before === "absent" ? "" : textOf(a), after === "absent" ? "" : textOf(b));
}

function bytesIn(side: Side): Uint8Array {
  return side instanceof Uint8Array ? side : new Uint8Array();
}

function missing(state: State, side: Side, when: "before" | "after"): string | undefined {
  if (state === "unknown") return `what stood there ${when === "before" ? "before" : "afterwards"} was not kept`;
  return side !== undefined && !(side instanceof Uint8Array) ? side.missing : undefined;
}

/** Ends with a line end; in parts where a file became a link or the other way round. */
export function patchOf(path: TreePath, before: State, after: State, old: Side, young: Side, told: Told): string {
  if (told.change === "type") {
    const parts: [State, State, Side, Side][] = [[before, "absent", old, undefined], ["absent", after, undefined, young]];
    return parts.map(([a, b, from, to]) => patchOf(path, a, b, from, to, tell(a, b, from, to))).join("");
  }
  const [a, b] = [quoted(`a/${path}`), quoted(`b/${path}`)];
  const lines = [`diff --git ${a} ${b}`];
  if (isVersion(before) && isVersion(after) && before.mode !== after.mode) lines.push(`old mode ${gitMode(before)}`, `new mode ${gitMode(after)}`);
  if (before === "absent" && isVersion(after)) lines.push(`new file mode ${gitMode(after)}`);
  if (after === "absent" && isVersion(before)) lines.push(`deleted file mode ${gitMode(before)}`);
  const [from, to] = [before === "absent" ? "/dev/null" : a, after === "absent" ? "/dev/null" : b];
  if (told.note !== undefined) lines.push(`# ${told.note}`);
  else if (told.binary) lines.push(`Binary files ${from} and ${to} differ`);
  else {
    const hunks = unifiedDiff(before === "absent" ? "" : textOf(bytesIn(old)), after === "absent" ? "" : textOf(bytesIn(young)));
    // Tabs end names with spaces in the form that GNU patch reads; git does the same.
    const ended = (name: string): string => (name.includes(" ") && name !== "/dev/null" ? `${name}\t` : name);
    if (hunks.length > 0) lines.push(`--- ${ended(from)}`, `+++ ${ended(to)}`, hunks.join("\n"));
  }
  return `${lines.join("\n")}\n`;
}

function gitMode({ type, mode }: Version): string {
  return type === "link" ? "120000" : `100${(mode & 0o7777).toString(8).padStart(3, "0")}`;
}

/** A name as git writes it in a header: in quotes, with escapes, where it holds what would end or confuse it. */
function quoted(name: string): string {
  // oxlint-disable-next-line no-control-regex
  if (!/["\\\u0000-\u001f\u007f\uDC80-\uDCFF]/.test(name) || !/["\\\u0000-\u001f\u007f]|(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/.test(name)) return name;
  const named: Record<string, string> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" };
  let text = "";
  for (const character of name) {
    const code = character.codePointAt(0)!;
    if (named[character] !== undefined) text += named[character];
    else if (code < 0x20 || code === 0x7f) text += `\\${code.toString(8).padStart(3, "0")}`;
    // A byte of a name that is no UTF-8 (checkpoint/model.ts).
    else if (code >= 0xdc80 && code <= 0xdcff) text += `\\${(code - 0xdc00).toString(8)}`;
    else text += character;
  }
  return `"${text}"`;
}
