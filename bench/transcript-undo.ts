/**
 * `node scripts/run.mjs bench/transcript-undo.ts DIR`: of how many edits in recorded transcripts (*.jsonl in DIR) the transcript
 * alone tells what stood there before and after, which is what taking them back exactly needs. Those of which it does not
 * are counted by the reason. Whether the disk still holds what an edit left is not asked here.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isText, OperationReader, type FileOperation, type Side } from "../src/agents/claude-code/operations.ts";
import { readLines } from "../src/base/lines.ts";
import { parseLine } from "../src/operations/intake.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: transcript-undo <dir with *.jsonl>");
  process.exit(2);
}

const unknownOf = (side: Side): string | undefined => (side === "absent" || isText(side) ? undefined : side.unknown);

// Of one session, subagents' files included: what one of them left another may have found.
const readers = new Map<string, OperationReader>();
let damaged = 0;
const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl")).sort();
for (const name of files) {
  let reader: OperationReader | undefined;
  for await (const lines of readLines(join(folder, name))) {
    for (const line of Array.isArray(lines) ? lines : []) {
      const record = line.text.trim() === "" ? undefined : parseLine(line);
      if (typeof record === "string") damaged += 1;
      if (typeof record !== "object") continue;
      const session = typeof record["sessionId"] === "string" ? record["sessionId"] : name.slice(0, -".jsonl".length);
      if (reader === undefined) readers.set(session, (reader = readers.get(session) ?? new OperationReader(session)));
      reader.push(record);
    }
  }
}

const edits: FileOperation[] = [...readers.values()].flatMap((reader) => reader.end().operations.flatMap((operation) => (operation.kind === "file" ? [operation] : [])));
const reasons = new Map<string, number>();
for (const { before, after } of edits) {
  const reason = unknownOf(before) ?? unknownOf(after);
  if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}
const open = [...reasons.values()].reduce((sum, count) => sum + count, 0);
console.log(`${files.length} files, ${readers.size} sessions, ${damaged} damaged lines; ${edits.length.toLocaleString("en-US")} edits, of which ${(edits.length - open).toLocaleString("en-US")} (${((100 * (edits.length - open)) / edits.length).toFixed(1)} %) can be reversed exactly`);
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`  ${count}  ${reason}`);
