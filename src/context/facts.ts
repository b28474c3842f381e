/**
 * What a session met and used: files, names in them, commands and references, each with how it was used and when.
 * Pure. Facts are taken from what was reached for (targets, patterns, commands, prose) and, with less weight, from
 * what was shown. Whether they still hold is checked against the tree elsewhere.
 */
import { baseName } from "../base/text.ts";
import type { Event } from "../event/schema.ts";
import { commandHeads, failed as hasFailed, failureLine } from "../memory/commands.ts";
import type { Call, Turn } from "../session/fold.ts";

const EXTENSIONS = "go|ts|tsx|js|mjs|cjs|jsx|py|rs|md|json|jsonl|ya?ml|toml|sh|sql|css|html|mod|sum|txt|proto|rb|java|kt|swift|c|h|cc|cpp|hpp|cs|php|vue|svelte|tf|lock|env|gradle|xml|ini|cfg";
const ENDING = new RegExp(`(?<=[\\w@-])\\.(?:${EXTENSIONS})\\b(?![\\w(]|\\.\\w)`, "g");
const NAMES_A_FILE = new RegExp(`\\.(?:${EXTENSIONS})$`);
const NAME = /\b[A-Za-z_][A-Za-z0-9_]{6,}\b/g;
const REFERENCE = /\b[A-Z]{2,6}-\d+\b|(?<![\w/])#\d{1,6}\b/g;

export type FactKind = "file" | "name" | "reference";

/** How often a fact occurred by where, and how late. Shares of time run from 0, the beginning, to 1, the end. */
export interface Fact {
  readonly key: string;
  readonly kind: FactKind;
  readonly text: string;
  /**
   * Calls that reached for it; text written into files; said by the agent; by the user; shown by tools; in errors. A
   * text counts once, a long output in part, and all of it fades at a compaction.
   */
  use: number;
  body: number;
  said: number;
  user: number;
  shown: number;
  error: number;
  /** Texts that defined it: a function, a type, a class of that name. */
  defined: number;
  lastUse: number;
  last: number;
  /** Not met since the last compaction. */
  stale: boolean;
  /** Uses and sightings that fade with what came after: halved every `HALF_LIFE` events. */
  heat: number;
  glow: number;
  /** Length of the shortest text that showed it: what finding it again would cost at the least. */
  cheapest: number;
  turn: number;
  /** Names: files it was met in, with a weight. Files: the whole path it was last named by. */
  readonly files: Map<string, number>;
  path: string;
}

/** Events after which a use counts half. A working session has 50 to 100 events an hour. */
const HALF_LIFE = 120;

export interface CommandFact {
  /** Its first three words: what tells one command from another. */
  readonly head: string;
  text: string;
  runs: number;
  passes: number;
  last: "returned" | "failed" | "rejected" | "unknown";
  lastAt: number;
  turn: number;
  /** The line of its last output that says what went wrong. */
  failure?: string;
}

export interface Facts {
  readonly facts: Map<string, Fact>;
  readonly commands: Map<string, CommandFact>;
  /** Base name of each file to every path it was named by. */
  readonly paths: Map<string, Map<string, number>>;
  /** Base name of each file to the whole text the agent last wrote; absent once it was edited in parts. */
  readonly written: Map<string, string>;
}

/**
 * Characters read of a text, at its beginning and, where test runners and compilers sum up, at its end. Of names that were
 * only ever shown, 2.0 % are used in the next 100 calls where the output was shorter than this, 0.4 % where it was longer,
 * in its middle as at its ends.
 */
const READ_OF_OUTPUT = [18_000, 6000] as const;
const READ_OF_BODY = 300_000;

/** Characters of an output that counts whole; a longer one counts by its share of them. */
const WHOLE_OUTPUT = 8000;

/**
 * What is left at a compaction of how often a fact was met. Of names used or said before it and not since, 5 % are used
 * in the next 100 calls, of those used since 21 %; of those written 2 % and 6 %, of those shown 1 % and 2 %.
 */
const LEFT_AT_COMPACTION = 0.25;
const LEFT_OF_HOME = 0.1;

/** Names a text defines, in the languages that say so with a word before the name, with a receiver between them in Go. */
const DEFINITION = /\b(?:func|function|fn|def|class|type|interface|struct|enum|trait)\s+(?:\([^()\n]{0,60}\)\s*)?([A-Za-z_]\w{6,})/g;

export function collectFacts(turns: readonly Turn[]): Facts {
  const collector = new Collector(turns.reduce((sum, turn) => sum + turn.events.length, 0));
  for (const turn of turns) {
    const calls = new Map(turn.calls.map((call) => [call.id, call]));
    for (const event of turn.events) collector.take(event, turn.n, calls);
  }
  return collector;
}

/** Names are told from words by their shape: camelCase or snake_case. */
export function isName(word: string): boolean {
  return /[a-z0-9][A-Z]/.test(word) || /[A-Za-z]_[A-Za-z]/.test(word);
}

/** Names of the files met, without their endings. */
export function stemsOf({ facts }: Pick<Facts, "facts">): Set<string> {
  const stems = new Set<string>();
  for (const { kind, text } of facts.values()) if (kind === "file") stems.add(text.slice(0, text.lastIndexOf(".")));
  return stems;
}

class Collector implements Facts {
  readonly facts = new Map<string, Fact>();
  readonly commands = new Map<string, CommandFact>();
  readonly paths = new Map<string, Map<string, number>>();
  readonly written = new Map<string, string>();
  readonly #total: number;
  readonly #isName = new Map<string, boolean>();
  #seen = 0;
  #compactedAt: number | undefined;

  constructor(total: number) {
    this.#total = Math.max(1, total);
  }

  take(event: Event, turn: number, calls: ReadonlyMap<string, Call>): void {
    const at = (this.#seen += 1) / this.#total;
    if (event.thread !== undefined) {
      this.#subagent(event, at, turn);
      return;
    }
    switch (event.type) {
      case "prompt":
        if (event.payload.kind === "user" || event.payload.kind === "command") this.#text(event.payload.text, "user", at, turn);
        return;
      case "session.compacted":
        this.#compactedAt = at;
        return;
      case "session.summarised":
        this.#text(event.payload.text, "user", at, turn);
        return;
      case "answer":
        this.#text(event.payload.text, "said", at, turn);
        return;
      case "tool.called":
        this.#fade();
        this.#call(event.payload.tool, event.payload.input, at, turn, calls.get(event.id));
        return;
      case "tool.returned":
        this.#result(calls.get(event.payload.call), event.payload.output, at, turn);
        return;
      case "tool.failed":
        this.#count(endsOf(event.payload.error), "error", at, turn);
        return;
    }
  }

  /**
   * After a compaction work goes on with what the summary named: what was met before weighs less, and most of all which
   * file a name was met in. Done at the first call that follows: with none, nothing has gone on yet.
   */
  #fade(): void {
    if (this.#compactedAt === undefined) return;
    for (const fact of this.facts.values()) {
      fact.stale = fact.last < this.#compactedAt;
      for (const how of ["use", "body", "said", "user", "shown", "error", "defined", "heat", "glow"] as const) fact[how] *= LEFT_AT_COMPACTION;
      for (const [file, weight] of fact.files) fact.files.set(file, weight * LEFT_OF_HOME);
    }
    this.#compactedAt = undefined;
  }

  /** Of a subagent's work the files it reached for. Of 2,600 names that only subagents met, one was used later. */
  #subagent(event: Event, at: number, turn: number): void {
    if (event.type !== "tool.called") return;
    const { file_path: path } = (event.payload.input ?? {}) as Record<string, unknown>;
    if (typeof path === "string") this.#count(path, "use", at, turn, new Map());
  }

  #text(text: string, as: "user" | "said", at: number, turn: number): void {
    this.#count(text, as, at, turn);
    this.#link(text, as === "said" ? 2 : 1.5, at);
  }

  #call(tool: string, input: unknown, at: number, turn: number, call: Call | undefined): void {
    const fields = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>;
    const reach: string[] = [];
    const bodies: string[] = [];
    for (const [key, value] of Object.entries(fields)) {
      const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
      (/^(?:content|new_string|old_string|edits|new_source)$/.test(key) ? bodies : reach).push(text);
    }
    const targets = reach.join("\n");
    const names = this.#namesIn(targets);
    this.#count(targets, "use", at, turn, names);
    const path = typeof fields["file_path"] === "string" ? fields["file_path"] : undefined;
    if (path === undefined) this.#link(targets, 1, at);
    else {
      const body = bodies.join("\n").slice(0, READ_OF_BODY);
      const written = this.#namesIn(body);
      this.#count(body, "body", at, turn, written);
      for (const found of [names, written]) this.#names(found, baseName(path), /Edit|Write/.test(tool) ? 3 : 1, at);
      this.#definitions(body, baseName(path), at);
      if (tool === "Write" && typeof fields["content"] === "string" && call?.outcome === "returned") this.written.set(baseName(path), fields["content"]);
      else if (/Edit/.test(tool)) this.written.delete(baseName(path));
    }
    if (typeof fields["command"] === "string" && call !== undefined) this.#command(fields["command"], call, at, turn);
  }

  #result(call: Call | undefined, output: string, at: number, turn: number): void {
    const text = endsOf(output);
    const names = this.#namesIn(text);
    this.#count(text, "shown", at, turn, names, Math.min(1, WHOLE_OUTPUT / output.length));
    const input = (call?.input ?? {}) as Record<string, unknown>;
    const path = call?.tool === "Read" && typeof input["file_path"] === "string" ? baseName(input["file_path"]) : undefined;
    if (path !== undefined) this.#names(names, path, 1, at);
    this.#definitions(text, path, at);
    if (call?.tool === "Grep") for (const line of text.split("\n")) this.#link(line, 1, at);
  }

  #count(text: string, as: "use" | "body" | "said" | "user" | "shown" | "error", at: number, turn: number, names: ReadonlyMap<string, number> = this.#namesIn(text), weight = 1): void {
    const seen = new Set<string>();
    const note = (kind: FactKind, word: string, path: string): void => {
      const key = `${kind}:${word}`;
      if (seen.has(key)) return;
      seen.add(key);
      let fact = this.facts.get(key);
      if (fact === undefined) {
        fact = { key, kind, text: word, use: 0, body: 0, said: 0, user: 0, shown: 0, error: 0, defined: 0, lastUse: -1, last: at, stale: false, heat: 0, glow: 0, cheapest: Infinity, turn, files: new Map(), path };
        this.facts.set(key, fact);
      }
      fact[as] += weight;
      [fact.last, fact.stale] = [at, false];
      fact.cheapest = Math.min(fact.cheapest, text.length);
      const fading = 2 ** ((at - 1) * this.#total / HALF_LIFE);
      if (as === "use" || as === "said" || as === "user") fact.heat += fading;
      else fact.glow += weight * fading;
      if (as === "use" || as === "said" || as === "user") [fact.lastUse, fact.turn] = [at, turn];
      if (kind === "file") {
        const known = this.paths.get(word) ?? new Map<string, number>();
        this.paths.set(word, known.set(path, (known.get(path) ?? 0) + (as === "use" ? 3 : 1)));
        if (path.length >= fact.path.length || as === "use") fact.path = path;
      }
    };
    for (const path of pathsIn(text)) {
      const base = baseName(path);
      if (base.length > 4) note("file", base, path);
    }
    for (const word of names.keys()) note("name", word, "");
    for (const word of text.match(REFERENCE) ?? []) note("reference", word, "");
  }

  /** Names of a text, each with how often it occurs. Most words of a session come again and again. */
  #namesIn(text: string): Map<string, number> {
    const found = new Map<string, number>();
    for (const word of text.match(NAME) ?? []) {
      let name = this.#isName.get(word);
      if (name === undefined) this.#isName.set(word, (name = isName(word)));
      if (name) found.set(word, (found.get(word) ?? 0) + 1);
    }
    return found;
  }

  #names(names: ReadonlyMap<string, number>, file: string, weight: number, at: number): void {
    for (const [word, times] of names) this.#home(word, file, weight * times, at);
  }

  #home(name: string, file: string, weight: number, at: number): void {
    const fact = this.facts.get(`name:${name}`);
    if (fact !== undefined) fact.files.set(file, (fact.files.get(file) ?? 0) + weight * (0.5 + at));
  }

  /** What defines a name is where it belongs, before what uses it. */
  #definitions(text: string, file: string | undefined, at: number): void {
    for (const [, name] of text.matchAll(DEFINITION)) {
      const fact = this.facts.get(`name:${name}`);
      if (fact === undefined) continue;
      fact.defined += 1;
      if (file !== undefined) this.#home(name!, file, 5, at);
    }
  }

  /** A name belongs to the file named shortly before it, or right after it on the line. */
  #link(text: string, weight: number, at: number): void {
    let file: string | undefined;
    let fileAt = -Infinity;
    let words = 0;
    for (const line of text.split("\n")) {
      const waiting: [string, number][] = [];
      for (const raw of line.match(/[A-Za-z0-9_@./#-]+/g) ?? []) {
        words += 1;
        // Nothing shorter is a file or a name.
        if (raw.length < 5) continue;
        const word = raw.endsWith(".") ? raw.replace(/\.+$/, "") : raw;
        const base = baseName(word);
        if (base.length > 4 && base.includes(".") && NAMES_A_FILE.test(base)) {
          [file, fileAt] = [base, words];
          for (const [name, place] of waiting) if (words - place <= 12) this.#home(name, base, weight, at);
          waiting.length = 0;
          continue;
        }
        for (const piece of word.split(/[./()-]/)) {
          if (piece.length < 7 || !isName(piece)) continue;
          if (file !== undefined && words - fileAt <= 40) this.#home(piece, file, weight, at);
          waiting.push([piece, words]);
          if (waiting.length > 20) waiting.shift();
        }
      }
    }
  }

  #command(line: string, call: Call, at: number, turn: number): void {
    for (const head of commandHeads(line)) {
      const fact = this.commands.get(head) ?? { head, text: head, runs: 0, passes: 0, last: "unknown", lastAt: 0, turn: 0 };
      fact.runs += 1;
      fact.last = call.outcome ?? "unknown";
      fact.lastAt = at;
      fact.turn = turn;
      const failed = hasFailed(call);
      if (failed) {
        fact.last = "failed";
        fact.failure = failureLine(call.output);
      } else if (call.outcome === "returned") fact.passes += 1;
      this.commands.set(head, fact);
    }
  }
}

function endsOf(output: string): string {
  const [first, last] = READ_OF_OUTPUT;
  return output.length <= first + last ? output : `${output.slice(0, first)}\n${output.slice(-last)}`;
}

/**
 * Names of files with what stands before them of their path. Looked for from the ending backwards: endings are rare, and
 * a pattern for whole paths tries every word of a text.
 */
function* pathsIn(text: string): Generator<string> {
  for (const match of text.matchAll(ENDING)) {
    let from = match.index;
    // No path is longer; without an end to it a text that is one run of them would be walked for each.
    const least = Math.max(0, from - 300);
    while (from > least && isPathUnit(text.charCodeAt(from - 1))) from -= 1;
    // The "n" of an escaped line end is no part of a name.
    if (text[from - 1] === "\\" && /[nrt]/.test(text[from]!)) from += 1;
    // "*_test.go" is a pattern and no file.
    if (text[from - 1] !== "*") yield text.slice(from, match.index + match[0].length);
  }
}

/** Letters, digits and any of "_.@/-". */
function isPathUnit(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 45 && code <= 57) || code === 95 || code === 64;
}
