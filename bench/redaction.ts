/**
 * Measures redaction on real sessions: hits on a seeded sample of distinct lines
 * (to be judged by eye), hits on whole strings, throughput.
 *
 * usage: redaction <dir with *.jsonl> [--seed N] [--lines N] [--all] [--show]
 *   --all   list the hits of whole strings too (PEM blocks span lines)
 *   --show  print hits in clear: only for data known to be harmless
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { redactText, redactValue } from "../src/event/redact.ts";

const args = process.argv.slice(2);
const dir = args[0];
if (dir === undefined || dir.startsWith("--")) {
  console.error("usage: redaction <dir with *.jsonl> [--seed N] [--lines N] [--all] [--show]");
  process.exit(2);
}
const option = (name: string, fallback: number): number => {
  const i = args.indexOf(name);
  return i === -1 ? fallback : Number(args[i + 1]);
};
const seed = option("--seed", 20260401);
const wanted = option("--lines", 100_000);
const show = args.includes("--show");

function mulberry32(a: number): () => number {
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Base64 of pictures is never shown as text, so it would only flatter the throughput.
const SKIP = new Set(["signature", "uuid", "parentUuid", "timestamp", "sessionId", "id", "type", "data", "messageId"]);

function strings(value: unknown, out: string[]): void {
  if (typeof value === "string") out.push(value);
  else if (Array.isArray(value)) for (const v of value) strings(v, out);
  else if (typeof value === "object" && value !== null) {
    for (const [k, v] of Object.entries(value)) if (!SKIP.has(k)) strings(v, out);
  }
}

const texts: string[] = [];
const records: unknown[] = [];
let bytes = 0;
for (const name of readdirSync(dir)
  .filter((n) => n.endsWith(".jsonl"))
  .sort()) {
  for (const line of readFileSync(join(dir, name), "utf8").split("\n")) {
    if (line === "") continue;
    let record: unknown;
    try {
      record = JSON.parse(line) as unknown;
    } catch {
      continue;
    }
    records.push(record);
    bytes += line.length;
    strings(record, texts);
  }
}

const distinct = new Set<string>();
for (const t of texts) for (const line of t.split("\n")) if (line.length >= 8) distinct.add(line);
const lines = [...distinct];
const random = mulberry32(seed);
for (let i = lines.length - 1; i > 0; i--) {
  const j = Math.floor(random() * (i + 1));
  const t = lines[i] as string;
  lines[i] = lines[j] as string;
  lines[j] = t;
}
const sample = lines.slice(0, wanted);

/** What stood where the marks stand now: the parts between marks are unchanged, so they anchor the rest. */
function removed(before: string, after: string): { family: string; secret: string; at: number }[] {
  const parts = after.split(/\[redacted:([a-z0-9-]+)\]/);
  const found: { family: string; secret: string; at: number }[] = [];
  let at = (parts[0] as string).length;
  for (let i = 1; i < parts.length; i += 2) {
    const tail = parts[i + 1] as string;
    const end = i + 2 >= parts.length ? before.length - tail.length : before.indexOf(tail, at + 1);
    const secret = before.slice(at, end);
    if (!secret.startsWith("[redacted:")) found.push({ family: parts[i] as string, secret, at });
    at = end + tail.length;
  }
  return found;
}

const mask = (s: string): string => (show ? s : `${s.slice(0, 6)}…(${s.length})`);

function report(title: string, list: readonly string[]): void {
  const counts: Record<string, number> = {};
  let touched = 0;
  const rows: string[] = [];
  for (const line of list) {
    const r = redactText(line);
    if (r.text === line) continue;
    touched++;
    for (const [k, v] of Object.entries(r.hits)) counts[k] = (counts[k] ?? 0) + v;
    for (const h of removed(line, r.text)) {
      const left = line.slice(Math.max(0, h.at - 60), h.at).replace(/\n/g, "⏎");
      const right = line.slice(h.at + h.secret.length, h.at + h.secret.length + 20).replace(/\n/g, "⏎");
      rows.push(`${h.family.padEnd(24)} ${left}«${mask(h.secret).replace(/\n/g, "⏎")}»${right}`);
    }
  }
  console.log(`\n## ${title}: ${touched} of ${list.length} touched (${((touched / Math.max(1, list.length)) * 10_000).toFixed(2)} per 10,000)`);
  for (const [k, v] of Object.entries(counts).sort((a, b) => b[1] - a[1])) console.log(`${String(v).padStart(6)} ${k}`);
  for (const row of rows.sort()) console.log("  " + row);
}

console.log(`seed ${seed}; ${texts.length} strings, ${distinct.size} distinct lines, sample ${sample.length}`);
report("sampled lines", sample);
if (args.includes("--all")) report("whole strings", [...new Set(texts)]);

let chars = 0;
for (const t of texts) chars += t.length;
const rounds = 3;
let best = Infinity;
for (let i = 0; i < rounds; i++) {
  const t0 = performance.now();
  for (const t of texts) redactText(t);
  best = Math.min(best, performance.now() - t0);
}
console.log(
  `\nredactText over all strings: ${(chars / 1e6).toFixed(1)} M characters, best of ${rounds} ${best.toFixed(0)} ms, ${(chars / 1e3 / best).toFixed(0)} MB/s`,
);
best = Infinity;
for (let i = 0; i < rounds; i++) {
  const t0 = performance.now();
  for (const r of records) redactValue(r);
  best = Math.min(best, performance.now() - t0);
}
console.log(
  `redactValue over all records: ${(bytes / 1e6).toFixed(1)} M characters of JSON, best of ${rounds} ${best.toFixed(0)} ms, ${(bytes / 1e3 / best).toFixed(0)} MB/s`,
);
