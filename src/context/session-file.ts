/**
 * CLAUDE.session.md: what a session is about and where it stands, as Markdown that people read and edit. Pure. What is derived
 * from the session's story and what stands in the file are brought together item by item, and an edit by hand always wins:
 * what was changed or added stays as it was left, what was deleted does not come back. Where the file lies, and when it is
 * written, is operations/session-file.ts.
 */
import { clip, oneLine, printable } from "../base/text.ts";
import { commandHeads, failed, failureLine } from "../memory/commands.ts";
import type { Story, Task, Turn } from "../session/fold.ts";
import { openQuestions } from "./brief.ts";
import { findProse, type Sentence } from "./prose.ts";

/** An item of a list with what is indented below it, or any other text between two of them. */
export interface Block {
  /** Its text, without how far an item of the plan has come. */
  readonly key: string;
  readonly lines: readonly string[];
}

export interface Part {
  /** "" above the first heading. */
  readonly heading: string;
  readonly blocks: readonly Block[];
}

/** What hands have done to a file, by key: it holds for every later derivation. */
export interface Edits {
  readonly own: readonly string[];
  readonly removed: readonly string[];
}

export const NO_EDITS: Edits = { own: [], removed: [] };

const TITLE = "# Session";
const ABOUT = "<!-- Kept by Tidemark. What you change, add or delete here stays as you leave it. -->";
const MARKS: Record<Task["status"], string> = { completed: "done", in_progress: "doing", pending: "next" };
const MOST_DONE = 10;
const MOST_SENTENCES = 10;

export function deriveSessionFile(story: Story): Part[] {
  const prose = findProse(story.turns);
  return [
    { heading: "", blocks: [block("", `${TITLE}\n\n${ABOUT}`)] },
    part("Goal", goals(story.turns)),
    part("Plan", plan(story.tasks)),
    part("Decisions", told(prose.decisions)),
    part("Dead ends", told(prose.deadEnds)),
    part("Blockers", blockers(story)),
  ];
}

function part(name: string, items: readonly string[]): Part {
  const heading = `## ${name}`;
  return { heading, blocks: numbered(heading, [...new Set(items)].map((text) => [`- ${text}`])) };
}

function goals(turns: readonly Turn[]): string[] {
  const asked = turns.filter(({ kind, prompt }) => kind === "user" && prompt.trim() !== "");
  // "hi" and "yes" are no goals.
  const telling = asked.filter(({ prompt }) => prompt.trim().split(/\s+/).length >= 4);
  const [first, last] = [telling[0] ?? asked[0], telling.at(-1) ?? asked.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [...(first === last ? [] : [`last asked: “${clip(printable(last.prompt), 400)}”`]), `first asked: “${clip(printable(first.prompt), 400)}”`];
}

function plan(tasks: readonly Task[]): string[] {
  const of = (status: Task["status"]): string[] => tasks.filter((task) => task.status === status).map(({ content }) => `${MARKS[status]}: ${clip(printable(content), 200)}`);
  return [...of("completed").slice(-MOST_DONE), ...of("in_progress"), ...of("pending")];
}

/** The best, in the order in which they were said. What is asked is not decided yet. */
function told(sentences: readonly Sentence[]): string[] {
  return sentences.filter(({ text }) => !text.endsWith("?")).slice(0, MOST_SENTENCES).toSorted((a, b) => a.turn - b.turn).map(({ text, by }) => (by === "user" ? `user: “${clip(printable(text), 300)}”` : clip(printable(text), 300)));
}

const STOPPED: Partial<Record<Turn["ending"], string>> = { error: "The agent was stopped by an error.", limit: "A usage limit was reached." };

function blockers(story: Story): string[] {
  const failing = new Map<string, string>();
  for (const call of story.turns.flatMap(({ calls }) => calls)) {
    const { command } = (call.input ?? {}) as { command?: unknown };
    if (typeof command !== "string" || call.outcome === undefined) continue;
    for (const head of commandHeads(command)) {
      failing.delete(head);
      if (failed(call)) failing.set(head, failureLine(call.output));
    }
  }
  const stopped = STOPPED[story.turns.at(-1)?.ending ?? "completed"];
  return [
    ...openQuestions(story).map((text) => `waits for an answer: ${printable(text)}`),
    ...[...failing].slice(-3).map(([head, line]) => `\`${clip(printable(head), 80)}\` fails: “${clip(printable(line), 160)}”`),
    ...(stopped === undefined ? [] : [stopped]),
  ];
}

export function renderSessionFile(parts: readonly Part[]): string {
  const lines: string[] = [];
  for (const { heading, blocks } of parts) {
    if (heading !== "") lines.push(...(lines.length === 0 ? [] : [""]), heading);
    let before = "";
    for (const { lines: own } of blocks) {
      const joins = isItem(before) && isItem(own[0]!);
      if (!joins && lines.length > 0) lines.push("");
      lines.push(...own);
      before = own[0]!;
    }
  }
  return `${lines.join("\n")}\n`;
}

const isItem = (line: string): boolean => /^[-*+] /.test(line);

/** Whatever a person made of it: nothing is lost but the number of empty lines between blocks. */
export function parseSessionFile(text: string): Part[] {
  const parts: { heading: string; blocks: string[][] }[] = [{ heading: "", blocks: [] }];
  let fence: string | undefined;
  let [empty, item]: [number, boolean] = [0, false];
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    const { blocks } = parts.at(-1)!;
    const open = blocks.at(-1);
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    const inside = fence !== undefined;
    if (mark !== undefined) fence = fence === undefined ? mark : mark.startsWith(fence) ? undefined : fence;
    if (!inside && line.trim() === "") {
      empty += 1;
      continue;
    }
    const below = inside || (item ? /^\s/.test(line) : !isItem(line));
    if (!inside && line.startsWith("## ")) {
      parts.push({ heading: line.trimEnd(), blocks: [] });
      item = false;
    } else if (open !== undefined && below) open.push(...Array<string>(empty).fill(""), line);
    else {
      blocks.push([line]);
      item = isItem(line);
    }
    empty = 0;
  }
  return parts.map(({ heading, blocks }) => ({ heading, blocks: numbered(heading, blocks) }));
}

/** Keys of one text that stands there twice are told apart, so that neither is lost. */
function numbered(heading: string, blocks: readonly (readonly string[])[]): Block[] {
  const seen = new Map<string, number>();
  return blocks.map((lines) => {
    const made = block(heading, lines.join("\n"));
    const times = (seen.get(made.key) ?? 0) + 1;
    seen.set(made.key, times);
    return times === 1 ? made : { ...made, key: `${made.key}\n${times}` };
  });
}

function block(heading: string, text: string): Block {
  const lines = text.split("\n");
  const bare = oneLine(lines[0]!.replace(/^[-*+] +(?:(?:done|doing|next): |\[[ xX]\] )?/, ""));
  return { key: `${heading}\n${isItem(lines[0]!) ? bare : oneLine(text)}`, lines };
}

/** Everything that stands in a file by its key, headings as well. */
function contents(parts: readonly Part[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { heading, blocks } of parts) {
    if (heading !== "") found.set(heading, heading);
    for (const { key, lines } of blocks) found.set(key, lines.join("\n"));
  }
  return found;
}

/** What hands have done: known before, and seen now in what differs from the text that was last written. */
export function editsOf(written: readonly Part[], onDisk: readonly Part[], before: Edits = NO_EDITS): Edits {
  const [was, is] = [contents(written), contents(onDisk)];
  const own = new Set(before.own.filter((key) => is.has(key)));
  for (const [key, text] of is) if (was.get(key) !== text) own.add(key);
  const removed = new Set(before.removed.filter((key) => !is.has(key)));
  for (const key of was.keys()) if (!is.has(key)) removed.add(key);
  return { own: [...own], removed: [...removed] };
}

/**
 * What is to stand in the file: `now` is what is derived, `written` what was last written, `onDisk` what stands there. Parts and
 * items keep the places they have on disk.
 */
export function mergeEdits(written: readonly Part[], onDisk: readonly Part[], now: readonly Part[], before: Edits = NO_EDITS): { readonly parts: Part[]; readonly edits: Edits } {
  const edits = editsOf(written, onDisk, before);
  const [own, removed] = [new Set(edits.own), new Set(edits.removed)];
  const derived = new Map(now.map((each) => [each.heading, each]));
  const there = new Map(onDisk.map((each) => [each.heading, each]));
  const parts = placed(
    onDisk.filter(({ heading, blocks }) => derived.has(heading) || own.has(heading) || blocks.some(({ key }) => own.has(key))),
    now.filter(({ heading }) => !there.has(heading) && !removed.has(heading)),
    now,
    ({ heading }) => heading,
  );
  return { edits, parts: parts.map(({ heading }) => ({ heading, blocks: mergedBlocks(there.get(heading)?.blocks ?? [], derived.get(heading)?.blocks ?? [], own, removed) })) };
}

function mergedBlocks(onDisk: readonly Block[], now: readonly Block[], own: ReadonlySet<string>, removed: ReadonlySet<string>): Block[] {
  const byHand = new Map(onDisk.filter(({ key }) => own.has(key)).map((each) => [each.key, each]));
  const derived = now.filter(({ key }) => !removed.has(key)).map((each) => byHand.get(each.key) ?? each);
  const known = new Set(derived.map(({ key }) => key));
  return placed(derived, [...byHand.values()].filter(({ key }) => !known.has(key)), onDisk, ({ key }) => key);
}

/** `list` with `added` put in, each behind what stands before it in `order`. */
function placed<T>(list: readonly T[], added: readonly T[], order: readonly T[], keyOf: (each: T) => string): T[] {
  const result = [...list];
  const there = new Set(list.map(keyOf));
  const keys = order.map(keyOf);
  const places = new Map(keys.map((key, i) => [key, i]));
  for (const each of added) {
    let at = (places.get(keyOf(each)) ?? 0) - 1;
    while (at >= 0 && !there.has(keys[at]!)) at -= 1;
    result.splice(at < 0 ? 0 : result.findIndex((one) => keyOf(one) === keys[at]) + 1, 0, each);
    there.add(keyOf(each));
  }
  return result;
}

/** Why this cannot be a session file any more, so that it has to be left alone; undefined where it can. */
export function whyLeftAlone(text: string): string | undefined {
  if (/[\0\ufffd]/.test(text)) return "it holds bytes that are no text";
  return /^## /m.test(text) ? undefined : "it has no heading (##) left";
}

const MOST_NOTED = 300;

/** What hands wrote into a file, each item on one line with its heading, until `most` characters are used. Comments are for people. */
export function notedByHand(parts: readonly Part[], { own }: Edits, most: number): string[] {
  const keys = new Set(own);
  const lines: string[] = [];
  let left = most;
  for (const { heading, blocks } of parts) {
    for (const { key, lines: text } of blocks) {
      const bare = oneLine(text.join("\n").replace(/<!--[\s\S]*?(?:-->|$)/g, "")).replace(/^[-*+] /, "");
      if (!keys.has(key) || bare === "" || /^#+ \S+$/.test(bare)) continue;
      const line = `${heading === "" ? "" : `${clip(heading.slice(3), 60)}: `}${clip(printable(bare), MOST_NOTED)}`;
      if (line.length > left) return lines;
      left -= line.length;
      lines.push(line);
    }
  }
  return lines;
}
