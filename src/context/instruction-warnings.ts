/**
 * What is wrong with the instruction files that an agent is given: secrets, files too large, imports that lead nowhere, the
 * same words twice, words of one level that say the opposite of another's, and what no longer holds of the tree. A warning
 * names the line and what to do about it. Pure: what the tree holds is looked up before (worktree/claims.ts).
 */
import { redactText } from "../event/redact.ts";
import { clip } from "../base/text.ts";
import type { Claim } from "./instruction-claims.ts";
import type { Dropped, InstructionFile, Loaded } from "./instructions.ts";

export type WarningCode = "secret" | "oversize" | "cut" | "import" | "not loaded" | "duplicate" | "conflict" | "gone" | "binary";

export interface Warning {
  readonly code: WarningCode;
  /** Counted from 1. */
  readonly line?: number;
  readonly message: string;
}

/** From here on the client itself warns of a file, in characters. */
export const LARGE = 40_000;

/** Shown of each kind for one file. */
const MOST = 10;

/** Warnings by the path of the file that they are about. A file that is not loaded can have some as well. */
export function warningsOf({ files, dropped }: Loaded, gone: ReadonlyMap<string, readonly Claim[]>): Map<string, Warning[]> {
  const found = new Map<string, Warning[]>();
  const warn = (path: string, warning: Warning): void => {
    const own = found.get(path) ?? [];
    found.set(path, own);
    if (own.filter(({ code }) => code === warning.code).length < MOST) own.push(warning);
  };
  for (const file of files) {
    for (const warning of ofFile(file)) warn(file.path, warning);
    for (const { line, kind, value } of gone.get(file.path) ?? []) warn(file.path, { code: "gone", line, message: GONE[kind](value) });
  }
  for (const each of dropped) {
    const told = ofDropped(each, files);
    if (told !== undefined) warn(each.by ?? each.path, told);
  }
  for (const [path, warning] of [...duplicates(files), ...conflicts(files)]) warn(path, warning);
  return found;
}

const GONE: Readonly<Record<Claim["kind"], (value: string) => string>> = {
  file: (value) => `${value} is not in the tree`,
  script: (value) => `no package.json here has a script "${value}"`,
  target: (value) => `no Makefile here has a target "${value}"`,
};

function ofFile({ text, raw, kind, cut }: InstructionFile): Warning[] {
  const found: Warning[] = [];
  const lines = raw.split("\n");
  // Line by line names the place; a key of several lines is only seen in the whole.
  let named = 0;
  for (const [i, line] of lines.entries()) {
    const hits = Object.keys(redactText(line).hits);
    if (hits.length === 0) continue;
    named++;
    found.push({ code: "secret", line: i + 1, message: `looks like a secret (${hits.join(", ")}): take it out and renew it; every session sends it to the model` });
  }
  const whole = Object.keys(redactText(raw).hits);
  if (named === 0 && whole.length > 0) found.push({ code: "secret", message: `looks like a secret (${whole.join(", ")}): take it out and renew it; every session sends it to the model` });
  if (text.length > LARGE) found.push({ code: "oversize", message: `${text.length.toLocaleString("en-US")} characters; the client warns from ${LARGE.toLocaleString("en-US")} on. ${kind === "auto" ? "Move topics into files of their own." : "Move parts into rules with paths, or files that are read when needed."}` });
  if (cut !== undefined) found.push({ code: "cut", message: cut });
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]|\ufffd/.test(raw)) found.push({ code: "binary", message: "holds bytes that are no text; they are handed over as they are" });
  return found;
}

function ofDropped({ path, by, written, why, detail }: Dropped, files: readonly InstructionFile[]): Warning | undefined {
  const name = written === undefined ? path : `@${written}`;
  const importer = files.find((file) => file.path === by);
  const line = importer === undefined || written === undefined ? undefined : lineOf(importer.raw, `@${written.replaceAll(" ", "\\ ")}`);
  const at = line === undefined ? {} : { line };
  switch (why) {
    case "missing":
      if (detail !== undefined) return { code: "import", ...at, message: `${name} is not loaded: the client takes the punctuation behind it for part of the name` };
      // Names of people and of packages are written like this too.
      return /\.[a-z]\w{0,5}$/i.test(path) || /^(?:\.{1,2}|~)\//.test(written ?? "") ? { code: "import", ...at, message: `${name} is not there, so nothing is loaded for it` } : undefined;
    case "not text":
      return /\.[a-z]\w{0,7}$/i.test(path) ? { code: "import", ...at, message: `${name} is not loaded: only files with an ending of text are` } : undefined;
    case "outside":
      return { code: "import", ...at, message: `${name} lies outside of the folder the agent is started in, so it is not loaded until imports from outside are approved in the client` };
    case "too deep":
      return { code: "import", ...at, message: `${name} is not loaded: imports go four levels deep, no further` };
    case "too large":
      return { code: by === undefined ? "not loaded" : "import", ...at, message: `${name} is not loaded: too large (${detail ?? ""})` };
    case "unreadable":
      return { code: by === undefined ? "not loaded" : "import", ...at, message: `${name} is not loaded: ${detail ?? "it cannot be read"}` };
    case "linked outside":
      return { code: "not loaded", message: `this rule is a link to ${detail ?? "a place outside"}, so it is not loaded until imports from outside are approved in the client` };
    case "shadowed":
      return { code: "not loaded", message: "the client reads no AGENTS.md where CLAUDE.md files are loaded; a line @AGENTS.md in a CLAUDE.md beside it takes it in" };
  }
}

function lineOf(raw: string, word: string): number | undefined {
  const at = raw.indexOf(word);
  return at < 0 ? undefined : raw.slice(0, at).split("\n").length;
}

/** A line that could stand in two files by chance is not one. */
const LONG_LINE = 40;

/** So many of them in two files say that a part was copied. */
const FEW_LINES = 3;

function duplicates(files: readonly InstructionFile[]): [string, Warning][] {
  const found: [string, Warning][] = [];
  const where = new Map<string, number>();
  for (const [i, file] of files.entries()) {
    const shared = new Map<number, { count: number; line: number }>();
    for (const [n, line] of file.raw.split("\n").entries()) {
      const key = line.trim().replace(/\s+/g, " ").toLowerCase();
      if (key.length < LONG_LINE) continue;
      const first = where.get(key);
      if (first === undefined) where.set(key, i);
      else if (first !== i) {
        const known = shared.get(first);
        if (known === undefined) shared.set(first, { count: 1, line: n + 1 });
        else known.count++;
      }
    }
    for (const [other, { count, line }] of shared) {
      const whole = files[other]!.text.trim() === file.text.trim();
      if (whole || count >= FEW_LINES) found.push([file.path, { code: "duplicate", ...(whole ? {} : { line }), message: whole ? `the same text as ${files[other]!.path}` : `${count} lines stand in ${files[other]!.path} too` }]);
    }
    const same = files.slice(0, i).find((each) => each.text.trim() === file.text.trim() && ![...shared.keys()].some((other) => files[other] === each));
    if (same !== undefined) found.push([file.path, { code: "duplicate", message: `the same text as ${same.path}` }]);
  }
  return found;
}

interface Order {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** Of these only one can be used; found in sentences that say to use it. */
const EXCLUSIVE: readonly (readonly [string, readonly RegExp[]])[] = [
  ["package manager", [/\bnpm\b/i, /\bpnpm\b/i, /\byarn\b/i, /\bbun\b/i]],
  ["indentation", [/\btabs\b/i, /\bspaces\b/i]],
  ["quotes", [/\bsingle[- ]quotes?\b/i, /\bdouble[- ]quotes?\b/i]],
  ["Python installer", [/\bpip\b/i, /\bpoetry\b/i, /\buv\b/i, /\bconda\b/i]],
];

/** Two files that say the opposite: of the same thing, or of things of which only one can be. */
function conflicts(files: readonly InstructionFile[]): [string, Warning][] {
  const found: [string, Warning][] = [];
  const orders = new Map<string, Order & { readonly positive: boolean }>();
  const chosen = new Map<string, Order & { readonly choice: string }>();
  for (const file of files) {
    let fenced = false;
    for (const [i, line] of file.raw.split("\n").entries()) {
      if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
      if (fenced) continue;
      for (const sentence of line.replace(/^[\s>*+#-]+|^\s*\d+[.)]\s+/, "").split(/(?<=[.;!?])\s+/)) {
        const order = orderIn(sentence);
        if (order === undefined) continue;
        const here = { path: file.path, line: i + 1, text: sentence };
        const earlier = orders.get(order.about);
        if (earlier === undefined) orders.set(order.about, { ...here, positive: order.positive });
        else if (earlier.positive !== order.positive && earlier.path !== file.path) found.push([file.path, opposed(here, earlier)]);
        for (const [group, choices] of EXCLUSIVE) {
          const of = choices.filter((each) => each.test(order.about));
          if (!order.positive || of.length !== 1 || !SHORT_ORDER.test(sentence)) continue;
          const other = chosen.get(group);
          if (other === undefined) chosen.set(group, { ...here, choice: of[0]!.source });
          else if (other.choice !== of[0]!.source && other.path !== file.path) found.push([file.path, opposed(here, other)]);
        }
      }
    }
  }
  return found;
}

const opposed = (here: Order, other: Order): Warning => ({ code: "conflict", line: here.line, message: `"${clip(here.text, 60)}" against "${clip(other.text, 60)}" (${other.path}:${other.line})` });

/** An order about one thing; of long sentences it is not known what they are about. */
const SHORT_ORDER = /^(?:always |please |we |only )*(?:use|prefer|indent with|install with)\b.{1,50}$/i;

/** "Always run the tests" and "never run the tests" are about the same. */
function orderIn(sentence: string): { readonly about: string; readonly positive: boolean } | undefined {
  const words = sentence.toLowerCase().replace(/[`*_"'“”]/g, "").replace(/[.;!?:,]+$/, "").trim();
  const found = /^(?:(?:please|you|we) )*(?:(do not|don't|dont|never|avoid|must not|mustn't|should not|shouldn't)|(always|must|should|do))\s+(?:ever |always )?(.{6,80})$/.exec(words) ?? /^()((?:use|prefer|run|write|commit|push|add|keep|put|indent|install)) (.{3,80})$/.exec(words);
  if (found === null) return undefined;
  const [, not, yes, rest] = found;
  const positive = not === undefined || not === "";
  const plain = /^(?:use|prefer|run|write|commit|push|add|keep|put|indent|install)$/.test(yes ?? "") ? `${yes} ${rest}` : rest!;
  return { about: plain.replace(/\b(?:the|a|an|any|all|our|your)\b /g, "").replace(/\busing\b/g, "use").trim(), positive };
}
