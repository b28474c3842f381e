/**
 * What of an event can be recalled as a passage: what people and agents said, in pieces that stand for themselves. Pure.
 * Left out: what tools printed and what they were given, which the search over all events finds, and text that nobody
 * wrote for the conversation (notifications, injected context).
 */
import type { Event, EventType } from "./schema.ts";

/** Types that can hold passages; of prompts only those that somebody wrote. */
export const PASSAGE_TYPES: readonly EventType[] = ["prompt", "answer", "session.summarised"];

const WRITTEN = new Set(["user", "command", "shell", "subagent"]);

/** Characters up to which paragraphs are joined, and from which a single one is cut at its lines or sentences. */
const JOINED = 600;
const LONGEST = 1600;
/** Pieces of one text that are kept: a log of 1 MB pasted into a prompt is found by the search, not recalled. */
const MOST = 200;

/** The event's passages in order; none where it holds no words to recall. */
export function passagesOf(event: Event): string[] {
  if (event.type === "prompt") return WRITTEN.has(event.payload.kind) ? split(event.payload.text) : [];
  return event.type === "answer" || event.type === "session.summarised" ? split(event.payload.text) : [];
}

/** Who said it, where the source names them; "" where the role says it all. */
export function speakerOf(event: Event): string {
  return event.type === "prompt" || event.type === "answer" ? (event.payload.speaker ?? "") : "";
}

/** Paragraphs, a heading with what it stands over, a fence of code whole; small ones joined, long ones cut. */
function split(text: string): string[] {
  const whole = text.trim();
  if (whole.length <= JOINED) return whole === "" ? [] : [whole];
  const pieces: string[] = [];
  let piece = "";
  for (const block of blocksOf(whole)) {
    const heading = /^#{1,6} /.test(block);
    if (piece !== "" && (heading || piece.length + block.length > JOINED) && !/^#{1,6} [^\n]*$/.test(piece)) {
      pieces.push(piece);
      piece = "";
    }
    piece = piece === "" ? block : `${piece}\n\n${block}`;
  }
  if (piece !== "") pieces.push(piece);
  return pieces.flatMap(cut).slice(0, MOST);
}

/** What blank lines part, but not within a fence. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let block: string[] = [];
  let fenced = false;
  for (const line of text.split("\n")) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    if (line.trim() !== "" || fenced) block.push(line);
    else if (block.length > 0) {
      blocks.push(block.join("\n"));
      block = [];
    }
  }
  if (block.length > 0) blocks.push(block.join("\n"));
  return blocks;
}

function cut(piece: string): string[] {
  const parts: string[] = [];
  let rest = piece;
  while (rest.length > LONGEST && parts.length < MOST) {
    const reach = rest.slice(0, LONGEST);
    const at = [reach.lastIndexOf("\n"), reach.lastIndexOf(". ") + 1, reach.lastIndexOf(" ")].find((place) => place > LONGEST / 2) ?? whole(reach);
    parts.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  if (rest !== "") parts.push(rest);
  return parts;
}

/** The length of a text without the first half of a pair that its end would part. */
function whole(text: string): number {
  return /[\uD800-\uDBFF]$/.test(text) ? text.length - 1 : text.length;
}
