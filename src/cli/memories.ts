/** Memories as programs and people see them, the same in every command that shows some. */
import { clip, plural } from "../base/text.ts";
import type { Contradiction, Kind, Memory } from "../memory/model.ts";
import { MEMORY_KINDS } from "../event/schema.ts";
import { scopeName } from "../memory/statement.ts";
import type { Recalled } from "../operations/recall-memories.ts";
import { age, iso, when } from "./format.ts";
import { wrap, type Style, type Terminal } from "./terminal.ts";

/** An item of the command contract. Times are ISO texts. */
export function memoryJson({ memory, check, why, score }: Recalled): Record<string, unknown> {
  const { id, key, kind, statement, scope, status, trust, accepted, confidence, valid_from, valid_to, recorded_at, superseded_by, sources, passes, failures, replaces } = memory;
  return {
    id, key, kind, statement, scope, trust,
    valid_from: iso(valid_from), valid_to: valid_to === undefined ? null : iso(valid_to), recorded_at: iso(recorded_at),
    sources, check, score, why, status, accepted, confidence, superseded_by: superseded_by ?? null,
    ...(passes + failures === 0 ? {} : { passes, failures }),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

const HEADINGS: Readonly<Record<Kind, string>> = { constraint: "constraints", decision: "decisions", procedural: "commands and recipes", semantic: "facts", episodic: "what was done", working: "under way" };
const STYLES: Readonly<Record<Recalled["check"], Style>> = { current: "green", changed: "yellow", gone: "red", unverified: "dim" };

/** By kind, each with its id, its words, and what is to be said of it. `ends`: what accepting it is about. */
export function sayMemories(terminal: Terminal, all: readonly Recalled[], now: number, ends: (memory: Memory) => readonly Memory[] = () => []): void {
  for (const kind of MEMORY_KINDS) {
    const some = all.filter(({ memory }) => memory.kind === kind);
    if (some.length === 0) continue;
    terminal.line(terminal.style("bold", HEADINGS[kind]));
    for (const each of some) {
      sayMemory(terminal, each, now);
      for (const { id, statement } of ends(each.memory)) terminal.line(terminal.style("dim", `${" ".repeat(15)}${each.memory.replaces === undefined ? "in place of " : ""}${id}  ${clip(statement, terminal.width - 44)}`));
    }
  }
}

export function sayMemory(terminal: Terminal, { memory, check, why }: Recalled, now: number): void {
  const { id, statement } = memory;
  terminal.line(`  ${terminal.style("cyan", id)}  ${wrap(clip(statement, 600), terminal.width - 2, " ".repeat(15)).replace(/^\s+/, "")}`);
  terminal.line(`${" ".repeat(15)}${terminal.style(STYLES[check], [check, ...why.slice(0, 3)].join(": "))}${terminal.style("dim", ` · ${notesOf(memory, now).join(" · ")}`)}`);
}

function notesOf({ key, scope, status, trust, accepted, valid_from, valid_to, passes, failures }: Memory, now: number): string[] {
  return [
    ...(status === "active" ? [] : [status === "inbox" ? "waits for you" : status]),
    trust === "user" ? "said by you" : `${trust === "tool" ? "from the output of a tool" : "worked out"}${accepted ? ", accepted by you" : ""}`,
    ...(passes + failures === 0 ? [] : [`passed ${passes} of ${plural(passes + failures, "run")}`]),
    scopeName(scope),
    ...(/^(?:says|session|summary|replace|fix|plan|cmd):/.test(key) && trust !== "user" ? [] : key.startsWith("says:") ? [] : [key]),
    valid_to === undefined || valid_to > now ? age(valid_from, now) : `${when(valid_from)} to ${when(valid_to)}`,
  ];
}

const WHY: Readonly<Record<Contradiction["why"], string>> = {
  unseen: "two were written at once; the later one holds",
  weaker: "what was worked out says otherwise than you; it waits",
  opposite: "one says the opposite of the other",
};

export function sayContradictions(terminal: Terminal, all: readonly Contradiction[], statementOf: (id: string) => string): void {
  if (all.length === 0) return;
  terminal.line(terminal.style("yellow", "contradictions"));
  for (const { a, b, why } of all) {
    terminal.line(`  ${WHY[why]}:`);
    for (const id of [a, b]) terminal.line(`    ${terminal.style("cyan", id)}  ${clip(statementOf(id), terminal.width - 18)}`);
  }
  terminal.line(terminal.style("dim", "  tidemark memory supersede OLD NEW keeps one of two."));
}
