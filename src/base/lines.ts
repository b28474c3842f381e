/**
 * Reads a file line by line in constant memory, keeping count of what the lines were: JSON lines files of agents can
 * be gigabytes, torn at the end, or not text at all. Parsing is the caller's.
 */
import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** False for a last line without a line feed: it may still be growing. */
  readonly ended: boolean;
  /** False where bytes were not UTF-8; they stand as U+FFFD in `text`. */
  readonly sound: boolean;
  /** Offset in the file of the byte behind it and its line feed. */
  readonly end: number;
}

export type LineProblem = "too long" | "broken off";

/** A line of more bytes than this is not read: 64 MiB, a hundred times the longest seen. */
const LONGEST = 64 * 1024 * 1024;
const CHUNK = 1024 * 1024;

/** Where reading goes on: behind so many bytes and lines. */
export interface Place {
  readonly offset: number;
  readonly lines: number;
}

export async function* readLines(path: string, progress?: (bytes: number) => void, start: Place = { offset: 0, lines: 0 }): AsyncGenerator<Line[] | { number: number; problem: LineProblem }> {
  yield* splitLines(chunksOf(path, start.offset, progress), start);
}

/** The buffer is read into again: what is kept of a chunk is copied. */
async function* chunksOf(path: string, from: number, progress?: (bytes: number) => void): AsyncGenerator<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let position = from; ; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, position);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
      progress?.(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** The same for bytes from elsewhere, such as a file that is decompressed on the way. */
export async function* splitLines(chunks: AsyncIterable<Buffer>, start: Place = { offset: 0, lines: 0 }): AsyncGenerator<Line[] | { number: number; problem: LineProblem }> {
  let rest: Buffer[] = [];
  let restLength = 0;
  let skipping = false;
  let number = start.lines;
  let position = start.offset;
  for await (const buffer of chunks) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = buffer.indexOf(10, 0); at >= 0; at = buffer.indexOf(10, from)) {
      number += 1;
      const piece = buffer.subarray(from, at);
      from = at + 1;
      if (skipping) {
        skipping = false;
        continue;
      }
      lines.push(toLine(rest.length === 0 ? piece : Buffer.concat([...rest, piece]), number, true, position + from));
      rest = [];
      restLength = 0;
    }
    if (lines.length > 0) yield lines;
    if (!skipping && from < buffer.length) {
      rest.push(Buffer.from(buffer.subarray(from)));
      restLength += buffer.length - from;
      if (restLength > LONGEST) {
        yield { number: number + 1, problem: "too long" };
        rest = [];
        restLength = 0;
        skipping = true;
      }
    }
    position += buffer.length;
  }
  if (rest.length > 0) yield [toLine(Buffer.concat(rest), number + 1, false, position)];
}

function toLine(bytes: Buffer, number: number, ended: boolean, end: number): Line {
  return { number, text: bytes.toString("utf8"), ended, sound: isUtf8(bytes), end };
}

/** Why a file cannot be JSON lines at all, from its first bytes; undefined where it may be. */
export async function notText(path: string): Promise<string | undefined> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const head = buffer.subarray(0, bytesRead);
    if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return "it is UTF-16; save it as UTF-8";
    // A transcript with a hole of zeros, as a power cut leaves one, is still lines of JSON.
    if (head.includes(0) && !(head[0] === 0x7b && head[1] !== 0)) {
      // Half of the bytes being zero is UTF-16 without a mark; a few of them are a binary file.
      const zeros = head.filter((byte) => byte === 0).length;
      return zeros > bytesRead / 3 && zeros < bytesRead * 0.6 ? "it looks like UTF-16 without a mark; save it as UTF-8" : "it is a binary file";
    }
    return undefined;
  } finally {
    await file.close();
  }
}
