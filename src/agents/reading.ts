/** Reading a source that is a file of JSON lines. */
import { notText, readLines } from "../base/lines.ts";
import type { Reading, Source, Translator } from "./history.ts";

export function jsonLines(source: Source, translator: Translator): Reading {
  return {
    translator,
    refused: async () => (source.size === 0 ? undefined : notText(source.path)),
    lines: (progress) => readLines(source.path, progress),
  };
}
