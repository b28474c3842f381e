/**
 * The continuity metric: of the facts the work used after its context was lost, and had met before, how many
 * does a brief hold, and what does it cost to get the others back? No model is asked anything.
 *
 * Frozen: definitions and counting are those of the metric this file was ported from, so that numbers stay
 * comparable. Anything that looks like an oddity (a four-letter file name that is no file, the order of cleaning
 * a command) is part of the definition.
 */
import { countTokens as countO200k } from "gpt-tokenizer/encoding/o200k_base";

// ---- events -------------------------------------------------------------------------------------------------

interface EventBase {
  readonly i: number;
  readonly t: string;
  readonly tok: number;
}

/** What a person, the agent, or the agent's own compaction wrote. */
export interface MessageEvent extends EventBase {
  readonly k: "user" | "assistant" | "summary";
  readonly text: string;
}

export interface ToolUseEvent extends EventBase {
  readonly k: "use";
  readonly tool: string;
  readonly id: string;
  readonly input?: Readonly<Record<string, unknown>> | null;
}

export interface ToolResultEvent extends EventBase {
  readonly k: "result";
  readonly id: string;
  readonly text: string;
  readonly err?: number;
}

export type TranscriptEvent = MessageEvent | ToolUseEvent | ToolResultEvent;

/** Where context was lost: what came before, and what the agent did next. */
export interface Cut {
  readonly past: readonly TranscriptEvent[];
  readonly future: readonly TranscriptEvent[];
}

export type ResultsByUse = ReadonlyMap<string, ToolResultEvent>;

export function countTokens(text: string): number {
  return text === "" ? 0 : countO200k(text, { allowedSpecial: "all" });
}

export function resultsByUse(events: readonly TranscriptEvent[]): ResultsByUse {
  return new Map(events.filter((event) => event.k === "result").map((event) => [event.id, event]));
}

// ---- facts ("atoms") ----------------------------------------------------------------------------------------

/**
 * A fact is a string with a kind in front: `f:` file name, `s:` symbol (a name in code), `r:` reference to a
 * ticket or pull request, `c:` shell command.
 */
export type Atom = string;

const EXTENSIONS =
  "go|ts|tsx|js|mjs|cjs|jsx|py|rs|md|json|jsonl|ya?ml|toml|sh|sql|css|html|mod|sum|txt|proto|rb|java|kt|swift|c|h|cpp";
const FILE_PATH = new RegExp(`[\\w.@/-]*[\\w@-]\\.(?:${EXTENSIONS})\\b(?![\\w(])`, "g");
const FILE_ENDING = new RegExp(`\\.(?:${EXTENSIONS})$`);
const IDENTIFIER = /\b[A-Za-z_][A-Za-z0-9_]{6,}\b/g;
const REFERENCE = /\b[A-Z]{2,6}-\d+\b|(?<![\w/])#\d{1,6}\b/g;
const MIN_FILE_NAME = 5;

/** Commands that say nothing about the work in hand. */
const EVERYDAY_COMMAND =
  /^(cd|ls|cat|head|tail|grep|rg|sed|awk|wc|find|echo|pwd|mkdir|cp|mv|rm|touch|chmod|sleep|sort|uniq|true|export|set|git (status|diff|log|add|commit|show|branch|stash|checkout|rev-parse|push|pull|fetch))\b/;

/** Tool inputs that hold code rather than say where or what for. */
const CODE_BODY_KEYS: ReadonlySet<string> = new Set(["content", "new_string", "old_string", "edits", "new_source"]);

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** An identifier counts as a symbol when its shape, camelCase or snake_case, says it comes from code. */
function looksLikeSymbol(word: string): boolean {
  return /[a-z0-9][A-Z]/.test(word) || /[A-Za-z]_[A-Za-z]/.test(word);
}

/** The commands of a shell line, each cut to its first three words, without the everyday ones. */
export function commands(shellLine: unknown): string[] {
  const found: string[] = [];
  for (const piece of String(shellLine || "").split(/&&|\|\||[;\n|]/)) {
    const command = piece
      .trim()
      .replace(/^\w+=\S+\s+/, "")
      .replace(/\s*\d?>&?\d?\s*\S*/g, "")
      .trim();
    if (command === "" || command.startsWith("#") || EVERYDAY_COMMAND.test(command)) continue;
    const words = command.split(/\s+/);
    if (words.length < 2 || !/^[\w./-]+$/.test(words[0] ?? "")) continue;
    found.push(words.slice(0, 3).join(" "));
  }
  return found;
}

/** The files, symbols and references a text names. */
export function textAtoms(text: string, into = new Set<Atom>()): Set<Atom> {
  for (const [path] of text.matchAll(FILE_PATH)) {
    const name = baseName(path);
    if (name.length >= MIN_FILE_NAME) into.add(`f:${name}`);
  }
  for (const [word] of text.matchAll(IDENTIFIER)) if (looksLikeSymbol(word)) into.add(`s:${word}`);
  for (const [reference] of text.matchAll(REFERENCE)) into.add(`r:${reference}`);
  return into;
}

/** A tool call's input as text, one value a line, with or without the bodies of code. */
export function inputText(event: ToolUseEvent, withBodies: boolean): string {
  return Object.entries(event.input ?? {})
    .filter(([key]) => withBodies || !CODE_BODY_KEYS.has(key))
    .map(([, value]) => (typeof value === "string" ? value : JSON.stringify(value)))
    .join("\n");
}

/**
 * `all`: everything the event shows. `working`: only what was reached for, that is targets, patterns, commands and
 * prose, neither code bodies nor tool output.
 */
export type AtomScope = "all" | "working";

const atomCache = { all: new WeakMap<TranscriptEvent, Set<Atom>>(), working: new WeakMap<TranscriptEvent, Set<Atom>>() };

export function atoms(event: TranscriptEvent, scope: AtomScope = "all"): ReadonlySet<Atom> {
  const known = atomCache[scope].get(event);
  if (known !== undefined) return known;
  const found = new Set<Atom>();
  if (event.k === "use") {
    textAtoms(inputText(event, scope === "all"), found);
    if (event.tool === "Bash") for (const command of commands(event.input?.["command"])) found.add(`c:${command}`);
  } else if (scope === "all" || event.k !== "result") {
    textAtoms(event.text, found);
  }
  atomCache[scope].set(event, found);
  return found;
}

// ---- links: "this symbol belongs to that file" --------------------------------------------------------------

/** `file|symbol`. A bare list of symbols holds none, which is why they are counted. */
export type Link = string;

const LINK_WORD = /[A-Za-z0-9_@./#-]+/g;
const WORDS_AFTER_FILE = 40;
const WORDS_BEFORE_FILE = 12;
const WAITING_SYMBOLS = 20;
const MIN_SYMBOL = 7;

/**
 * The links a text states: a symbol belongs to the last file named up to 40 words before it, on any line, and to
 * the next file named up to 12 words after it on its own line.
 */
export function textLinks(text: string, into = new Set<Link>()): Set<Link> {
  let file: string | undefined;
  let fileAt = 0;
  let position = 0;
  for (const line of text.split("\n")) {
    let waiting: { symbol: string; at: number }[] = [];
    for (const [match] of line.matchAll(LINK_WORD)) {
      position++;
      const word = match.replace(/[.,:;]+$/, "");
      const name = baseName(word);
      if (name.length >= MIN_FILE_NAME && FILE_ENDING.test(name)) {
        file = name;
        fileAt = position;
        for (const { symbol, at } of waiting) if (position - at <= WORDS_BEFORE_FILE) into.add(`${name}|${symbol}`);
        waiting = [];
        continue;
      }
      for (const part of word.split(/[./()-]/)) {
        if (part.length < MIN_SYMBOL || !looksLikeSymbol(part) || !/^[A-Za-z_]\w+$/.test(part)) continue;
        if (file !== undefined && position - fileAt <= WORDS_AFTER_FILE) into.add(`${file}|${part}`);
        waiting.push({ symbol: part, at: position });
        if (waiting.length > WAITING_SYMBOLS) waiting.shift();
      }
    }
  }
  return into;
}

function targetFile(event: ToolUseEvent): string | undefined {
  const path = event.input?.["file_path"];
  return typeof path === "string" && path !== "" ? baseName(path) : undefined;
}

function addSymbolsOf(event: TranscriptEvent, file: string, into: Set<Link>): void {
  for (const atom of atoms(event)) if (atom.startsWith("s:")) into.add(`${file}|${atom.slice(2)}`);
}

const linkCache = new WeakMap<TranscriptEvent, Set<Link>>();

/**
 * The links an event shows. A tool call's include those of the output it led to (files read, lines found), so a
 * result by itself has none. Cached per event: always pass the results of the same past.
 */
export function links(event: TranscriptEvent, results: ResultsByUse): ReadonlySet<Link> {
  const known = linkCache.get(event);
  if (known !== undefined) return known;
  const found = new Set<Link>();
  if (event.k === "use") {
    const file = targetFile(event);
    const result = results.get(event.id);
    if (file !== undefined) {
      addSymbolsOf(event, file, found);
      if (result !== undefined && event.tool === "Read") addSymbolsOf(result, file, found);
    }
    if (result !== undefined && event.tool === "Grep") for (const line of result.text.split("\n")) textLinks(line, found);
    if (file === undefined) textLinks(inputText(event, false), found);
  } else if (event.k !== "result") {
    textLinks(event.text, found);
  }
  linkCache.set(event, found);
  return found;
}

/** The links an event works with: those of edits and of what was said. */
export function editLinks(event: TranscriptEvent): Set<Link> {
  const found = new Set<Link>();
  if (event.k === "use") {
    const file = targetFile(event);
    if (file !== undefined && /Edit|Write/.test(event.tool)) addSymbolsOf(event, file, found);
  } else if (event.k === "assistant" || event.k === "user") {
    textLinks(event.text, found);
  }
  return found;
}

// ---- what the work needed -----------------------------------------------------------------------------------

export interface Needed {
  /** Each fact met before the cut and used after it, with the number of events that used it. */
  readonly facts: ReadonlyMap<Atom, number>;
  /** The needed facts that were used at least once before any tool output after the cut had shown them. */
  readonly told: ReadonlySet<Atom>;
  /** The links used after the cut that the past had shown. */
  readonly links: ReadonlySet<Link>;
  /** Every link the past had shown: what a brief's links are true against. */
  readonly pastLinks: ReadonlySet<Link>;
  /** The last thing the user asked for before the cut; empty when there is none. */
  readonly lastRequest: string;
}

const NOT_A_REQUEST = /^<(command|local|system)|tool_use_id|Request interrupted|^\[Request/;
const MIN_REQUEST = 16;

export function neededAfter(cut: Cut, results: ResultsByUse = resultsByUse(cut.past)): Needed {
  const met = new Set<Atom>();
  const pastLinks = new Set<Link>();
  let lastRequest = "";
  for (const event of cut.past) {
    for (const atom of atoms(event)) met.add(atom);
    for (const link of links(event, results)) pastLinks.add(link);
    if (event.k === "user" && event.text.length >= MIN_REQUEST && !NOT_A_REQUEST.test(event.text)) lastRequest = event.text;
  }

  const facts = new Map<Atom, number>();
  const told = new Set<Atom>();
  const usedLinks = new Set<Link>();
  const shown = new Set<Atom>();
  for (const event of cut.future) {
    if (event.k === "summary") continue;
    if (event.k === "result") {
      for (const atom of atoms(event)) shown.add(atom);
      continue;
    }
    for (const atom of atoms(event, "working")) {
      if (!met.has(atom)) continue;
      facts.set(atom, (facts.get(atom) ?? 0) + 1);
      if (!shown.has(atom)) told.add(atom);
    }
    for (const link of editLinks(event)) if (pastLinks.has(link)) usedLinks.add(link);
  }
  return { facts, told, links: usedLinks, pastLinks, lastRequest };
}

// ---- re-reading ---------------------------------------------------------------------------------------------

const MIN_LINE = 12;

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/^\s*\d+[→:|\t ]\s*/, "").trim())
    .filter((line) => line.length >= MIN_LINE);
}

export interface Reshown {
  /** Tokens of tool output after the cut in lines that had already been shown before it. */
  readonly repeated: number;
  readonly total: number;
  /** The repeated tokens of the first twenty calls. */
  readonly early: number;
}

/** What the agent really read again. It describes the cut; no brief is scored by it. */
export function reshown(cut: Cut): Reshown {
  const seen = new Set<string>();
  for (const event of cut.past) if (event.k === "result") for (const line of linesOf(event.text)) seen.add(line);
  let repeated = 0;
  let total = 0;
  let early = 0;
  let calls = 0;
  for (const event of cut.future) {
    if (event.k === "use") calls++;
    if (event.k !== "result") continue;
    const lines = linesOf(event.text);
    if (lines.length === 0) continue;
    const share = lines.filter((line) => seen.has(line)).length / lines.length;
    total += event.tok;
    repeated += event.tok * share;
    if (calls <= 20) early += event.tok * share;
  }
  return { repeated, total, early };
}

/** One event of the past that could be read again, its price, and the needed facts it would give back. */
interface Source {
  readonly cost: number;
  readonly gives: readonly Atom[];
}

const MIN_READ_COST = 20;

/** Greedy cover: again and again the source that gives the most missing facts per token. */
function cheapestReread(sources: readonly Source[], facts: readonly Atom[]): number {
  const missing = new Set(facts);
  let cost = 0;
  while (missing.size > 0) {
    let best: Source | undefined;
    let bestRate = 0;
    for (const source of sources) {
      let given = 0;
      for (const atom of source.gives) if (missing.has(atom)) given++;
      const rate = given / source.cost;
      if (rate > bestRate) {
        bestRate = rate;
        best = source;
      }
    }
    if (best === undefined) break;
    cost += best.cost;
    for (const atom of best.gives) missing.delete(atom);
  }
  return cost;
}

// ---- scoring ------------------------------------------------------------------------------------------------

/** Cuts after which fewer facts were needed are not scored. */
export const MIN_NEEDED = 8;

const REQUEST_CHARS = 600;

function contentWords(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[a-z0-9_]{4,}/g) ?? []);
}

/** Share of `wanted` that is in `held`; NaN when nothing is wanted. */
function shareHeld<T>(wanted: ReadonlySet<T>, held: { has(item: T): boolean }): number {
  if (wanted.size === 0) return Number.NaN;
  let count = 0;
  for (const item of wanted) if (held.has(item)) count++;
  return count / wanted.size;
}

/** Everything about a cut that does not depend on the brief. */
export interface PreparedCut {
  readonly needed: Needed;
  readonly facts: readonly Atom[];
  /** The files each symbol was linked to in the past. */
  readonly homes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly requestWords: ReadonlySet<string>;
  readonly sources: readonly Source[];
  /** The cheapest re-read of all needed facts: the price of having no brief. */
  readonly cold: number;
  readonly pastTokens: number;
  readonly reshown: Reshown;
}

/** A file, reference or command is placed when present; a symbol only beside a file it belonged to, if it had any. */
function isPlaced(
  atom: Atom,
  present: boolean,
  held: ReadonlySet<Link>,
  homes: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  if (!present) return false;
  if (!atom.startsWith("s:")) return true;
  const symbol = atom.slice(2);
  const files = homes.get(symbol);
  if (files === undefined) return true;
  for (const file of files) if (held.has(`${file}|${symbol}`)) return true;
  return false;
}

function homesOf(pastLinks: ReadonlySet<Link>): Map<string, Set<string>> {
  const homes = new Map<string, Set<string>>();
  for (const link of pastLinks) {
    const bar = link.indexOf("|");
    const symbol = link.slice(bar + 1);
    const files = homes.get(symbol);
    if (files === undefined) homes.set(symbol, new Set([link.slice(0, bar)]));
    else files.add(link.slice(0, bar));
  }
  return homes;
}

const NO_LINKS: ReadonlySet<Link> = new Set();

export function prepare(cut: Cut): PreparedCut {
  const results = resultsByUse(cut.past);
  const needed = neededAfter(cut, results);
  const facts = [...needed.facts.keys()];
  const homes = homesOf(needed.pastLinks);
  const uses = new Map(cut.past.filter((event) => event.k === "use").map((event) => [event.id, event]));

  const sources: Source[] = [];
  for (const event of cut.past) {
    // Reading a result again means making its call again, so it costs both and gives the call's links.
    const call = event.k === "result" ? uses.get(event.id) : undefined;
    const origin = event.k === "result" ? call : event;
    const shown = atoms(event);
    const held = origin === undefined ? NO_LINKS : links(origin, results);
    const gives = facts.filter((atom) => isPlaced(atom, shown.has(atom), held, homes));
    if (gives.length > 0) sources.push({ cost: Math.max(MIN_READ_COST, event.tok + (call?.tok ?? 0)), gives });
  }

  return {
    needed,
    facts,
    homes,
    requestWords: contentWords(needed.lastRequest.slice(0, REQUEST_CHARS)),
    sources,
    cold: cheapestReread(sources, facts),
    pastTokens: cut.past.reduce((sum, event) => sum + event.tok, 0),
    reshown: reshown(cut),
  };
}

export interface Score {
  readonly tok: number;
  /** Share of needed facts named at all. */
  readonly rec: number;
  /** The same, each fact weighted by the logarithm of its uses. */
  readonly wrec: number;
  /** The same, of the facts first used before any tool output showed them, and of the others. */
  readonly toldRec: number;
  readonly reRec: number;
  /** Share of needed facts placed. */
  readonly placed: number;
  /** Share of needed links held (NaN: none needed), and how many. */
  readonly lrec: number;
  readonly linksHeld: number;
  /** Share of the brief's links that the past supports (NaN: it states none). */
  readonly ltrue: number;
  /** Share of the last request's words held (NaN: no request). */
  readonly askR: number;
  /** Share of the brief's facts that were needed. */
  readonly prec: number;
  /** Tokens of the brief and of the cheapest re-read of what it did not place. */
  readonly cost: number;
  /** 1 - cost / cold, for this cut alone; over many cuts it is 1 - sum of costs / sum of colds. */
  readonly rcr: number;
}

/** What a brief holds. A command is held when its words stand in the text, whatever the spaces between them. */
export function briefAtoms(text: string): { has(atom: Atom): boolean } {
  const named = textAtoms(text);
  const flat = text.replace(/\s+/g, " ");
  return { has: (atom) => (atom.startsWith("c:") ? flat.includes(atom.slice(2)) : named.has(atom)) };
}

export function scoreBrief(cut: PreparedCut, text: string): Score {
  const { needed, facts, homes } = cut;
  const tok = countTokens(text);
  const held = briefAtoms(text);
  const stated = textLinks(text);
  const named = textAtoms(text);

  const missing = facts.filter((atom) => !held.has(atom));
  const unplaced = facts.filter((atom) => !isPlaced(atom, held.has(atom), stated, homes));
  let weight = 0;
  let weightHeld = 0;
  for (const [atom, uses] of needed.facts) {
    weight += Math.log1p(uses);
    if (held.has(atom)) weightHeld += Math.log1p(uses);
  }
  const retold = facts.filter((atom) => !needed.told.has(atom) && held.has(atom)).length;
  const linksHeld = [...needed.links].filter((link) => stated.has(link)).length;
  const cost = tok + cheapestReread(cut.sources, unplaced);

  return {
    tok,
    rec: 1 - missing.length / facts.length,
    wrec: weightHeld / weight,
    toldRec: needed.told.size === 0 ? 0 : shareHeld(needed.told, held),
    reRec: retold / Math.max(1, facts.length - needed.told.size),
    placed: 1 - unplaced.length / facts.length,
    lrec: shareHeld(needed.links, stated),
    linksHeld,
    ltrue: shareHeld(stated, needed.pastLinks),
    askR: shareHeld(cut.requestWords, contentWords(text)),
    prec: named.size === 0 ? 0 : shareHeld(named, needed.facts),
    cost,
    rcr: 1 - cost / cut.cold,
  };
}
