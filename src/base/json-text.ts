/**
 * JSON as the text a person keeps: where each value stands in it, and putting in or taking out one element without
 * touching a byte of the others. What was put in and is taken out again leaves the text as it was; only white space
 * inside brackets that were empty is not remembered. Comments and trailing commas are read and kept.
 *
 * Made here because jsonc-parser 3.3.1, which is the usual choice, writes the lines beside an edit anew (tabs to spaces,
 * short lists taken apart) and does not take back what it put in: of eight small samples five came back changed. It edits
 * the first of two equal keys where JSON.parse and the agents go by the last.
 */

export type JsonNode =
  | { readonly kind: "object"; readonly start: number; readonly end: number; readonly members: readonly JsonMember[] }
  | { readonly kind: "array"; readonly start: number; readonly end: number; readonly items: readonly JsonNode[] }
  | { readonly kind: "value"; readonly start: number; readonly end: number; readonly value: string | number | boolean | null };

/** From the first quote of the key to the end of the value. */
export interface JsonMember {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly node: JsonNode;
}

export type JsonContainer = Extract<JsonNode, { kind: "object" | "array" }>;

/** Why a text is not JSON, and where: line and column count from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const GAP = /(?:[ \t\r\n]+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y;
// eslint-disable-next-line no-control-regex
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const OTHER = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** Deeper than any settings file; the reader calls itself. */
const DEEPEST = 256;

/** The text's one value with all places in it, or what is wrong with it. A byte order mark before it is passed over. */
export function readJsonText(text: string): JsonNode | JsonFault {
  let at = text.startsWith("\uFEFF") ? 1 : 0;

  const match = (shape: RegExp): string | undefined => {
    shape.lastIndex = at;
    const found = shape.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const fail = (message: string): never => {
    throw new SyntaxError(message);
  };
  const key = (): string => JSON.parse(match(STRING) ?? fail("a key in double quotes was expected")) as string;

  const container = <T>(close: string, depth: number, element: () => T): T[] => {
    if (depth > DEEPEST) fail(`nested deeper than ${DEEPEST}`);
    const found: T[] = [];
    at++;
    match(GAP);
    while (text[at] !== close) {
      found.push(element());
      match(GAP);
      if (text[at] === ",") {
        at++;
        match(GAP);
      } else if (text[at] !== close) fail(at >= text.length ? `it ends before its "${close}"` : `"," or "${close}" was expected`);
    }
    at++;
    return found;
  };

  const value = (depth: number): JsonNode => {
    const start = at;
    if (text[at] === "[") {
      const items = container("]", depth, () => value(depth + 1));
      return { kind: "array", start, end: at, items };
    }
    if (text[at] === "{") {
      const members = container("}", depth, () => {
        const from = at;
        const name = key();
        match(GAP);
        if (text[at] !== ":") fail('":" was expected');
        at++;
        match(GAP);
        const node = value(depth + 1);
        return { key: name, start: from, end: node.end, node };
      });
      return { kind: "object", start, end: at, members };
    }
    const word = match(STRING) ?? match(OTHER) ?? fail(at >= text.length ? "it ends where a value was expected" : "a value was expected");
    return { kind: "value", start, end: at, value: JSON.parse(word) as string | number | boolean | null };
  };

  try {
    match(GAP);
    const root = value(0);
    match(GAP);
    if (at < text.length) fail("something follows after the end");
    return root;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const before = text.slice(0, at).split("\n");
    return { line: before.length, column: before.at(-1)!.replace("\uFEFF", "").length + 1, message: error.message };
  }
}

export function isFault(read: JsonNode | JsonFault): read is JsonFault {
  return "message" in read;
}

export function valueOf(node: JsonNode): unknown {
  if (node.kind === "value") return node.value;
  if (node.kind === "array") return node.items.map(valueOf);
  // Without a prototype "__proto__" is a plain member instead of a setter.
  const result: Record<string, unknown> = Object.create(null);
  for (const { key, node: each } of node.members) result[key] = valueOf(each);
  return result;
}

/** The member by that name; of several the last, as JSON.parse has it. */
export function memberOf(node: JsonNode | undefined, key: string): JsonMember | undefined {
  return node?.kind === "object" ? node.members.findLast((member) => member.key === key) : undefined;
}

/** Puts a value at the end of an object (with its key) or an array, laid out as what stands there. */
export function insertLast(text: string, container: JsonContainer, value: unknown, key?: string): string {
  const elements = elementsOf(container);
  const close = container.end - 1;
  const last = elements.at(-1);
  const gap = text.slice(last?.end ?? container.start + 1, close);
  const tail = close - (/[ \t\r\n]*$/.exec(gap)?.[0].length ?? 0);
  const spaced = !isTight(text);
  const element = `${key === undefined ? "" : `${JSON.stringify(key)}:${spaced ? " " : ""}`}${inline(value, spaced)}`;
  const comma = commaIn(text, last?.end ?? close, close);
  const edits: Edit[] = [];
  if (last !== undefined && comma === undefined) edits.push({ from: last.end, to: last.end, put: "," });
  // Where there was a comma before the bracket, ours has one, too.
  const trailing = comma === undefined ? "" : ",";
  const lines = gap.includes("\n") || (last === undefined ? container.start <= 1 || text.trim().includes("\n") : text.slice(container.start, elements[0]!.start).includes("\n"));
  if (lines) {
    const outer = indentOf(text, container.start);
    const indent = last === undefined ? outer + unitOf(text) : indentOf(text, elements[0]!.start);
    const own = `${lineEnd(text)}${indent}${element}${trailing}`;
    edits.push(text.slice(tail, close).includes("\n") ? { from: tail, to: tail, put: own } : { from: tail, to: close, put: `${own}${lineEnd(text)}${outer}` });
  } else edits.push({ from: tail, to: tail, put: `${spaced && last !== undefined ? " " : ""}${element}${trailing}` });
  return applied(text, edits);
}

/** Takes out one element, the comma that parts it from its neighbour, and the white space before it. */
export function removeAt(text: string, container: JsonContainer, index: number): string {
  const elements = elementsOf(container);
  const element = elements[index]!;
  const before = elements[index - 1];
  const own = commaIn(text, element.end, elements[index + 1]?.start ?? container.end - 1);
  const from = element.start - (/[ \t\r\n]*$/.exec(text.slice(before?.end ?? container.start + 1, element.start))?.[0].length ?? 0);
  const to = own === undefined ? element.end : own + 1;
  // A comment between an element and its comma stays, so they go one by one.
  const edits: Edit[] = own === undefined || text.slice(element.end, own).trim() === "" ? [{ from, to, put: "" }] : [{ from, to: element.end, put: "" }, { from: own, to: own + 1, put: "" }];
  if (own === undefined && before !== undefined) {
    const parting = commaIn(text, before.end, element.start)!;
    edits.unshift({ from: parting, to: parting + 1, put: "" });
  }
  const rest = applied(text, edits);
  if (elements.length > 1) return rest;
  const close = container.end - 1 - (text.length - rest.length);
  return /^[ \t\r\n]*$/.test(rest.slice(container.start + 1, close)) ? rest.slice(0, container.start + 1) + rest.slice(close) : rest;
}

/** Another value in the place of one. */
export function replaceNode(text: string, node: JsonNode, value: unknown): string {
  return text.slice(0, node.start) + inline(value, !isTight(text)) + text.slice(node.end);
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly put: string;
}

function applied(text: string, edits: readonly Edit[]): string {
  let result = text;
  // From the end on; of two at one place the later one first, so that they read in the order they were made.
  for (const { from, to, put } of [...edits].reverse().sort((a, b) => b.from - a.from)) result = result.slice(0, from) + put + result.slice(to);
  return result;
}

function elementsOf(container: JsonContainer): readonly { readonly start: number; readonly end: number }[] {
  return container.kind === "object" ? container.members : container.items;
}

/** Where the comma between two places stands; what is in comments is none. */
function commaIn(text: string, from: number, to: number): number | undefined {
  for (let at = from; at < to; ) {
    if (text[at] === ",") return at;
    GAP.lastIndex = at;
    at = Math.max(at + 1, at + (GAP.exec(text)?.[0].length ?? 0));
  }
  return undefined;
}

/** Written without line breaks, as by JSON.stringify alone. An empty object is laid out as a person would. */
function isTight(text: string): boolean {
  // trim() takes a byte order mark for white space, too.
  const inner = text.trim();
  return inner.length > 2 && !inner.includes("\n") && !/^(?:[{[] |\{"[^"]*": )/.test(inner);
}

/** One line, with spaces where people put them. */
function inline(value: unknown, spaced: boolean): string {
  if (!spaced || value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => inline(each, true)).join(", ")}]`;
  const members = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${inline(each, true)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function lineEnd(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** The white space that begins the line of a place. */
function indentOf(text: string, at: number): string {
  const line = text.lastIndexOf("\n", at - 1) + 1;
  return /^[ \t]*/.exec(text.slice(line, at))![0];
}

/** One step of indentation: that of the first line that has any, else two spaces. */
function unitOf(text: string): string {
  return /\n([ \t]+)[^ \t\r\n]/.exec(text)?.[1] ?? "  ";
}
