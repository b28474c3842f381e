/** Reading a source: a file of JSON lines, or records from elsewhere as such lines. */
import { notText, readLines, type Line } from "../base/lines.ts";
import type { Batch, Reading, Source, Translator } from "./history.ts";

export function jsonLines(source: Source, translator: Translator): Reading {
  return {
    translator,
    refused: async () => (source.size === 0 ? undefined : notText(source.path)),
    lines: (progress) => readLines(source.path, progress),
  };
}

const AT_ONCE = 100;

/** Records of a document or a database, numbered in their order. */
export function* asLines(records: Iterable<object>): Generator<Batch> {
  let lines: Line[] = [];
  let number = 0;
  for (const record of records) {
    number += 1;
    lines.push({ number, text: JSON.stringify(record), ended: true, sound: true, end: 0 });
    if (lines.length < AT_ONCE) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}

