/**
 * What Claude Code makes of the text of an instruction file before it hands it over: front matter goes, comments go, what
 * stands after an "@" is another file. Measured on 2.1.197 and 2.1.330 (docs/context.md); a full parser of Markdown is not
 * needed for it, only where code is. Which of the files are then loaded is instructions.ts.
 */

export interface InstructionText {
  /** As the agent gets it. */
  readonly text: string;
  /** Of the front matter; undefined: the file holds everywhere. */
  readonly paths?: readonly string[];
  /** As they were written, in order, each once. */
  readonly imports: readonly string[];
}

export function readInstructions(raw: string): InstructionText {
  const { body, paths } = frontMatter(raw.replace(/\r\n?/g, "\n").replace(/^\ufeff/, ""));
  const { text, prose } = withoutComments(body);
  return { text, imports: importsIn(prose), ...(paths === undefined ? {} : { paths }) };
}

/** Only at the very beginning, and only where it ends. */
function frontMatter(raw: string): { body: string; paths?: readonly string[] } {
  const found = /^---[ \t]*\n(?:([\s\S]*?)\n)?---[ \t]*(?:\n|$)/.exec(raw);
  if (found === null) return { body: raw };
  const paths = pathsIn(found[1] ?? "");
  return { body: raw.slice(found[0].length), ...(paths === undefined ? {} : { paths }) };
}

/** The patterns of `paths:`, split and with braces written out; undefined where there are none, or only "everything". */
function pathsIn(yaml: string): string[] | undefined {
  const lines = yaml.split("\n");
  const at = lines.findIndex((line) => /^paths[ \t]*:/.test(line));
  if (at < 0) return undefined;
  const values = valuesOf(lines[at]!.replace(/^paths[ \t]*:/, "").trim(), lines.slice(at + 1));
  // What lies below a folder is meant by the folder: "src/**" is "src".
  const patterns = (values ?? []).flatMap(splitPatterns).flatMap(withoutBraces).map((pattern) => pattern.replace(/\/\*\*$/, "")).filter((pattern) => pattern !== "");
  return patterns.every((pattern) => pattern === "**") ? undefined : patterns;
}

const LONGEST_LINE = 4096;

/** As much of YAML as people write there. Undefined where the client's parser fails too, and takes the file for one without rules. */
function valuesOf(inline: string, below: readonly string[]): string[] | undefined {
  if (inline.length > LONGEST_LINE) return undefined;
  const plain = inline.replace(/(?:^|\s)#.*$/, "").trim();
  if (plain === "") {
    const items: string[] = [];
    for (const line of below) {
      if (/^\s*(?:#.*)?$/.test(line)) continue;
      const item = /^\s*-\s+(.*)$/.exec(line)?.[1];
      if (item === undefined) break;
      const value = scalar(item.replace(/\s#.*$/, "").trim());
      // An unquoted "*" begins an alias: the whole of the front matter is then lost.
      if (value === undefined) return undefined;
      items.push(value);
    }
    return items;
  }
  if (plain.startsWith("[")) {
    const items = /^\[(.*)\]$/.exec(plain)?.[1]?.split(/,(?=(?:[^"']|"[^"]*"|'[^']*')*$)/).map((item) => scalar(item.trim()));
    // Of a list that cannot be read the client takes the line as it stands.
    return items === undefined || items.includes(undefined) ? [plain] : items.filter((item): item is string => item !== undefined && item !== "");
  }
  const value = /^["']/.test(plain) ? scalar(plain) : plain;
  return value === undefined || /^(?:\d+(?:\.\d+)?|true|false|null|~)$/.test(plain) ? undefined : [value];
}

function scalar(text: string): string | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"$|^'((?:[^']|'')*)'$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2]!.replaceAll("''", "'");
  return /^["'*&!|>%@`[{]/.test(text) ? undefined : text;
}

/** At commas, those between braces aside. */
function splitPatterns(value: string): string[] {
  return value.split(/,(?![^{]*\})/).map((each) => each.trim()).filter((each) => each !== "");
}

/** So many patterns come of one with braces; more are written to take for ever. */
const MOST_PATTERNS = 500;

function withoutBraces(pattern: string): string[] {
  let all = [pattern];
  for (;;) {
    let changed = false;
    const next = all.flatMap((each) => {
      const found = /^([^{]*)\{([^{}]+)\}(.*)$/.exec(each);
      if (found === null) return [each];
      changed = true;
      return found[2]!.split(",").map((one) => found[1]! + one.trim() + found[3]!);
    });
    if (!changed || next.length > MOST_PATTERNS) return all;
    all = next;
  }
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/**
 * Comments that begin a line are cut out, to their end; one within a sentence stays, and so does one that is never closed.
 * `prose` is what an import can stand in: neither code nor what such an open comment swallows, nor blocks of HTML.
 */
function withoutComments(body: string): { text: string; prose: string } {
  const lines = body.split("\n");
  const text: string[] = [];
  const prose: string[] = [];
  let [fence, blank, html, list]: [string | undefined, boolean, boolean, boolean] = [undefined, true, false, false];
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i]!;
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined || mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark !== undefined && mark[0] === fence[0] && mark.length >= fence.length && line.trim() === mark) fence = undefined;
      text.push(line);
      continue;
    }
    if (/^ {0,3}<!--/.test(line)) {
      let end = i;
      for (let from = line.indexOf("<!--") + 4; end < lines.length && !lines[end]!.includes("-->", from); from = 0) end++;
      if (end === lines.length) return { text: [...text, ...lines.slice(i)].join("\n"), prose: prose.join("\n") };
      line = lines[end]!.slice(lines[end]!.indexOf("-->") + 3).trimStart();
      i = end;
      if (line === "") {
        if (text.at(-1) === "" && lines[i + 1] === "") i++;
        continue;
      }
    }
    text.push(line);
    const empty = line.trim() === "";
    if (/^ {0,3}(?:[-*+]|\d{1,9}[.)])\s/.test(line)) list = true;
    else if (blank && !empty && /^\S/.test(line)) list = false;
    if (blank && /^ {0,3}<\/?(?:address|article|aside|blockquote|center|details|dialog|div|dl|footer|form|h[1-6]|header|hr|iframe|li|main|nav|ol|p|section|summary|table|tbody|td|th|tr|ul)\b/i.test(line)) html = true;
    if (empty) html = false;
    const indented: boolean = blank && !list && /^(?: {4}|\t)/.test(line);
    if (!html && !indented) prose.push(line);
    // Lines of indented code follow each other.
    blank = empty || indented;
  }
  return { text: text.join("\n"), prose: prose.join("\n") };
}

/** Code in a line goes from a run of backticks to the next run of the same length. Each character is looked at a few times at most, whatever stands there. */
function withoutCode(block: string): string {
  if (!block.includes("`")) return block;
  const runs = [...block.matchAll(/`+/g)].map(({ 0: run, index }) => ({ at: index, length: run.length }));
  const next = new Map<number, number>();
  const closing: (number | undefined)[] = [];
  for (let i = runs.length - 1; i >= 0; i--) {
    closing[i] = next.get(runs[i]!.length);
    next.set(runs[i]!.length, i);
  }
  let [kept, from] = ["", 0];
  for (let i = 0; i < runs.length; i++) {
    const end = closing[i];
    if (end === undefined) continue;
    kept += `${block.slice(from, runs[i]!.at)} \` `;
    from = runs[end]!.at + runs[end]!.length;
    i = end;
  }
  return kept + block.slice(from);
}

/** Without fenced code. */
export function withoutFences(text: string): string {
  let fence: string | undefined;
  return text.split("\n").filter((line) => {
    const mark = FENCE.exec(line)?.[1];
    if (mark === undefined) return fence === undefined;
    if (fence === undefined) fence = mark;
    else if (mark[0] === fence[0] && mark.length >= fence.length) fence = undefined;
    return false;
  }).join("\n");
}

/** After a space or at the beginning of a piece of text: not in an address, not in quotation marks, not in code. */
export function importsIn(prose: string): string[] {
  const found = new Set<string>();
  // Emphasis, links and tags begin a piece of text of their own; a space that is escaped belongs to the name.
  for (const block of prose.split(/\n[ \t]*\n/)) {
    if (!block.includes("@")) continue;
    const text = withoutCode(block).replace(/\\@/g, " ").replace(/\*+|__|(?<![\w/.-])_|_(?![\w/.-])|[[\]|]|<\/?[a-z][^>\n]{0,100}>|^[ \t]*(?:[-+>#]|\d+[.)])+/gim, "\n");
    for (const [, written] of text.matchAll(/(?:^|\s)@((?:[^\s\\]|\\ )+)/g)) {
      const path = written!.replace(/#.*$/, "").replaceAll("\\ ", " ");
      if (/^(?:\.{1,2}\/|~\/|\/.|[\w.-])/.test(path)) found.add(path);
    }
  }
  return [...found];
}
