/**
 * Where the parts of a JSON text stand in it, so that one member can be replaced or one element taken out while every
 * other byte stays: parsing and writing anew would change spaces, number forms and escapes that others wrote.
 * The text is taken to be valid JSON; only `endOf` is safe on anything else. Nothing recurses: nesting has no limit.
 */

export interface Span {
  readonly start: number;
  /** Behind the last character. */
  readonly end: number;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Behind the value that begins at `at`; undefined where it does not close before the text ends. */
export function endOf(text: string, at: number): number | undefined {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at);
  if (first !== 123 && first !== 91) {
    let end = at;
    while (end < text.length && !/[\s,\]}:]/.test(text[end]!)) end++;
    return end;
  }
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i);
      if (end === undefined) return undefined;
      i = end - 1;
    } else if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) return i + 1;
  }
  return undefined;
}

function endOfString(text: string, at: number): number | undefined {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i + 1;
  }
  return undefined;
}

/** The values of the object that begins at `at`, by name; the last of a repeated name, as JSON.parse has it. */
export function membersOf(text: string, at = 0): Map<string, Span> {
  const members = new Map<string, Span>();
  for (let i = skipSpace(text, skipSpace(text, at) + 1); text.charCodeAt(i) === QUOTE; ) {
    const name = endOf(text, i)!;
    const start = skipSpace(text, skipSpace(text, name) + 1);
    const end = endOf(text, start)!;
    members.set(JSON.parse(text.slice(i, name)) as string, { start, end });
    i = skipSpace(text, skipSpace(text, end) + 1);
  }
  return members;
}

/** The elements of the array that begins at `at`. */
export function elementsOf(text: string, at = 0): Span[] {
  const elements: Span[] = [];
  let i = skipSpace(text, skipSpace(text, at) + 1);
  while (i < text.length && text[i] !== "]") {
    const end = endOf(text, i)!;
    elements.push({ start: i, end });
    const next = skipSpace(text, end);
    i = text[next] === "," ? skipSpace(text, next + 1) : next;
  }
  return elements;
}

/** The text with each span replaced; spans do not overlap. */
export function splice(text: string, replacements: readonly { readonly span: Span; readonly by: string }[]): string {
  let result = "";
  let from = 0;
  for (const { span, by } of [...replacements].sort((a, b) => a.span.start - b.span.start)) {
    result += text.slice(from, span.start) + by;
    from = span.end;
  }
  return result + text.slice(from);
}

function skipSpace(text: string, at: number): number {
  let i = at;
  while (i < text.length && /\s/.test(text[i]!)) i++;
  return i;
}
