/**
 * What a memory is about, as it is in the tree: first when it is remembered (a witness), then whenever it is recalled (a
 * check against that). Reads only the files that are named, each to 1 MiB, and only inside of the tree; writes nothing.
 *
 * A memory that names a name in a file stands on the whole block that declares it: what else is done to the file changes
 * nothing. One that names only the file stands on all its bytes. Nothing is called current on the word of a file's time.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { sha256Hex } from "../base/hash.ts";
import { commandStands } from "./check.ts";
import { dependenciesOf } from "./dependencies.ts";
import { readText } from "./read.ts";

/** In the shape of a memory's `about` (event/schema.ts). */
export interface Witness {
  readonly files?: { path: string; hash?: string | undefined }[] | undefined;
  readonly symbols?: { name: string; path: string; lines?: string | undefined }[] | undefined;
  readonly commands?: string[] | undefined;
  readonly dependencies?: { name: string; path: string; version?: string | undefined }[] | undefined;
  readonly branch?: string | undefined;
  readonly commit?: string | undefined;
}

export interface Asked {
  readonly paths: readonly string[];
  readonly names: readonly string[];
  readonly commands: readonly string[];
  readonly words: readonly string[];
}

export interface Checked {
  readonly check: "current" | "changed" | "gone" | "unverified";
  /** What it says so of, in words. */
  readonly why: readonly string[];
}

const READ_AT_MOST = 1024 * 1024;

/**
 * Undefined where nothing of it stands in the tree: then there is nothing that could be checked later. `since`: when it was
 * said, in milliseconds; of a file that was written to after that it is not known how it was, and it stays unverified.
 */
export function witness(root: string, { paths, names, commands, words }: Asked, since = Infinity): Witness | undefined {
  const found = new Map<string, string | undefined>();
  for (const path of paths) {
    const place = within(root, path);
    if (place !== undefined && existsSync(join(root, place))) found.set(place, textOf(root, place));
  }
  const asThen = (path: string): boolean => (statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? Infinity) <= since;
  const symbols = [...found].flatMap(([path, text]) => (text === undefined ? [] : names.flatMap((name) => symbolIn(text, name, path) ?? []))).map((each) => (asThen(each.path) ? each : { name: each.name, path: each.path }));
  const files = [...found].map(([path, text]) => ({ path, ...(text === undefined || !asThen(path) ? {} : { hash: sha256Hex(text) }) }));
  const stand = commands.filter((command) => stands(root, command) === true);
  const known = dependenciesOf(root);
  const dependencies = words.flatMap((word) => known.get(word) ?? []);
  const about = {
    ...(files.length === 0 ? {} : { files }),
    ...(symbols.length === 0 ? {} : { symbols }),
    ...(stand.length === 0 ? {} : { commands: stand }),
    ...(dependencies.length === 0 ? {} : { dependencies }),
  };
  return Object.keys(about).length === 0 ? undefined : about;
}

/** `branch`: the one the tree is on now. */
export function checkWitness(root: string, about: Witness, branch: string | undefined): Checked {
  const gone: string[] = [];
  const changed: string[] = [];
  let [held, open] = [0, 0];
  const ofSymbols = new Set((about.symbols ?? []).map(({ path }) => path));
  for (const { path, hash } of about.files ?? []) {
    const place = within(root, path);
    if (place === undefined || !existsSync(join(root, place))) gone.push(path);
    else if (ofSymbols.has(path)) continue;
    else if (hash === undefined) open += isFolder(join(root, place)) ? 0 : 1;
    else {
      const text = textOf(root, place);
      if (text !== undefined && sha256Hex(text) === hash) held += 1;
      else changed.push(path);
    }
    if (hash === undefined && isFolder(join(root, path))) held += 1;
  }
  for (const { name, path, lines } of about.symbols ?? []) {
    const place = within(root, path);
    const text = place === undefined ? undefined : textOf(root, place);
    const now = text === undefined ? undefined : symbolIn(text, name, path);
    if (now === undefined) gone.push(`${name} in ${path}`);
    else if (lines === undefined) open += 1;
    else if (now.lines === lines) held += 1;
    else changed.push(`${name} in ${path}`);
  }
  for (const command of about.commands ?? []) {
    const still = stands(root, command);
    if (still === false) gone.push(command);
    else if (still === true) held += 1;
    else open += 1;
  }
  const known = about.dependencies === undefined ? new Map() : dependenciesOf(root);
  for (const { name, version } of about.dependencies ?? []) {
    const now = known.get(name) as { version?: string } | undefined;
    if (now === undefined) gone.push(name);
    else if (now.version === version) held += 1;
    else changed.push(`${name} ${version ?? ""} → ${now.version ?? ""}`);
  }
  if (about.branch !== undefined && about.branch !== branch) changed.push(`branch ${about.branch}; this is ${branch ?? "none"}`);
  else if (about.branch !== undefined) held += 1;
  if (gone.length > 0) return { check: "gone", why: gone };
  if (changed.length > 0) return { check: "changed", why: changed };
  return { check: held > 0 && open === 0 ? "current" : "unverified", why: [] };
}

/** Whether something stands at a path inside of the tree. */
export function isThere(root: string, path: string): boolean {
  const place = within(root, path);
  return place !== undefined && existsSync(join(root, place));
}

/** A path as it stands in the tree, or undefined where it leads out of it. */
function within(root: string, path: string): string | undefined {
  const plain = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path.replace(/^\.\//, "");
  const full = join(root, plain);
  const place = relative(root, full);
  if (place === "" || place.startsWith("..") || plain.startsWith("/")) return undefined;
  try {
    // A link on the way may lead anywhere.
    const real = realpathSync(existsSync(full) ? full : dirname(full));
    const home = realpathSync(root);
    return real === home || real.startsWith(home + sep) ? place.split(sep).join("/") : undefined;
  } catch {
    // Its folder is not there either.
    return place.split(sep).join("/");
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function textOf(root: string, path: string): string | undefined {
  const full = join(root, path);
  const about = statSync(full, { throwIfNoEntry: false });
  return about === undefined || !about.isFile() || about.size > READ_AT_MOST ? undefined : readText(full);
}

/** The blocks that declare a name, else the lines that hold it; undefined where none does. */
function symbolIn(text: string, dotted: string, path: string): { name: string; path: string; lines: string } | undefined {
  const name = dotted.slice(dotted.lastIndexOf(".") + 1);
  const word = new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`);
  if (!word.test(text)) return undefined;
  const lines = text.split(/\r?\n/);
  const holding = lines.flatMap((line, i) => (word.test(line) ? [i] : []));
  const declaring = holding.filter((i) => declares(lines[i]!, name));
  const told = declaring.length > 0 ? declaring.map((i) => blockAt(lines, i)) : holding.map((i) => lines[i]!);
  // How it is indented and where its lines break says nothing.
  return { name: dotted, path, lines: sha256Hex(told.map((each) => each.replace(/\s+/g, "")).join("\n")) };
}

const BEFORE = String.raw`\b(?:function\*?|const|let|var|class|interface|type|enum|namespace|def|func|fn|struct|trait|mod|module|macro_rules!|protocol|record|object|val|sub|public|private|protected|static|async|get|set)\b`;

/** A line that begins with the name, or says what it is: a function, a type, a field, a method with a receiver. */
function declares(line: string, name: string): boolean {
  const safe = name.replaceAll("$", "\\$");
  if (/^\s*(?:\/\/|#(?!\[)|\*|\/\*)/.test(line)) return false;
  return new RegExp(`${BEFORE}[^=("'\`]*(?<![\\w$.])${safe}(?![\\w$])`).test(line) || new RegExp(`^\\s*func\\s*\\([^)]*\\)\\s*${safe}(?![\\w$])`).test(line) || new RegExp(`^\\s*["']?${safe}["']?\\s*(?:[:=](?!=)|\\([^)]*\\)\\s*(?::[^{]+)?\\{)`).test(line);
}

/** A declaration and what is indented below it, to the mark that closes it. Formatted code of every language is so. */
function blockAt(lines: readonly string[], at: number): string {
  const depth = indent(lines[at]!);
  let end = at + 1;
  for (; end < lines.length && end - at < 2000; end++) {
    const line = lines[end]!;
    if (line.trim() === "" || indent(line) > depth) continue;
    if (indent(line) < depth || !/^\s*[)\]}]/.test(line)) break;
    // ") {" and "} else {" go on.
    if (!/[{([:]\s*$/.test(line)) {
      end += 1;
      break;
    }
  }
  return lines.slice(at, end).join("\n");
}

function indent(line: string): number {
  return /^\s*/.exec(line)![0].length;
}

/** Whether a command still can be run; undefined where that cannot be told. */
function stands(root: string, command: string): boolean | undefined {
  const plain = commandStands(root, command);
  if (plain !== undefined) return plain;
  const [program = "", first = ""] = command.split(/\s+/);
  if (program === "make" || program === "just") {
    const text = ["Makefile", "makefile", "GNUmakefile", "justfile", "Justfile"].map((name) => textOf(root, name)).find((each) => each !== undefined);
    if (text === undefined) return false;
    return first === "" || first.startsWith("-") || new RegExp(`^@?${first.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?:\\s[^:=]*)?:(?!=)`, "m").test(text);
  }
  const manifest = { go: "go.mod", cargo: "Cargo.toml" }[program];
  if (manifest === undefined) return undefined;
  if (textOf(root, manifest) === undefined) return false;
  // "./internal/..." names folders below the root; a pattern that is none says nothing.
  const folders = command.split(/\s+/).filter((word) => word.startsWith("./") && word !== "./...").map((word) => word.replace(/\/\.\.\.$/, ""));
  return folders.every((folder) => existsSync(join(root, folder)));
}
