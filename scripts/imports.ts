/**
 * Which room may use which, what the files of src/ really import, and the diagram of it. Read by
 * test/architecture.test.ts, which forbids anything else, and by scripts/docs.ts, which draws it into ARCHITECTURE.md.
 *
 * Imports are found by their shape at the start of a line; comments are taken out first. What a bundler would drop
 * (type-only imports) is counted too: a type is knowledge of the other room.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, resolve, sep } from "node:path";

/** The rooms of src/, lowest first, each with those it may import, or of one only a file. Everything not named here is forbidden. */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  event: ["base"],
  session: ["base", "event"],
  // What is extracted is taken from a session's story.
  memory: ["base", "event", "session"],
  context: ["base", "event", "session", "memory"],
  checkpoint: ["base"],
  // Clients of what the user has named: the one room that calls a network, which knows nothing of the log.
  models: ["base"],
  store: ["base", "event", "session/summary.ts (types)", "session/trace.ts (types)", "checkpoint/model.ts (types)"],
  agents: ["base", "event"],
  worktree: ["base", "checkpoint"],
  operations: ["base", "event", "session", "memory", "context", "checkpoint", "store", "agents", "worktree", "models"],
  engine: ["base", "store", "agents", "worktree", "operations"],
  mcp: ["base", "event", "memory", "checkpoint", "session", "context", "store", "worktree", "operations"],
  cli: ["base", "event", "session", "memory", "checkpoint", "store", "agents", "worktree", "operations", "engine", "mcp"],
  frameworks: ["base", "event", "store", "operations", "cli/environment.ts"],
  library: ["base", "memory", "checkpoint", "store", "worktree", "operations", "cli/environment.ts", "cli/processes.ts"],
};

/** Rooms that only turn values into values: no files, no processes, no clock, no chance, no environment. */
export const PURE: readonly string[] = ["base", "event", "session", "memory", "context", "checkpoint"];

/** Rooms that may ask for what is personal or changes: environment, home folder, clock, chance. */
export const SHELLS: readonly string[] = ["cli", "library", "frameworks"];

/** Packages from outside, each with the only rooms that may name it. */
export const PACKAGES: Readonly<Record<string, string | readonly string[]>> = {
  "gpt-tokenizer": "base",
  // What comes from outside is checked where it comes in: events, and what tools are given.
  zod: ["event", "mcp"],
  commander: "cli",
  "@photostructure/sqlite": "store",
  // One rule file of git at a time; which rules hold where is ours (worktree/ignore.ts).
  ignore: "worktree",
  diff: "base",
  "@modelcontextprotocol/server": "mcp",
  "@modelcontextprotocol/node": "mcp",
  "node-diff3": "checkpoint",
  "smol-toml": "agents",
  // What a static model counts as a word is for its own tokenizer to say.
  "@huggingface/tokenizers": "models",
  // Optional, and installed by who wants it: half a gigabyte.
  "@huggingface/transformers": "models",
};

export const ROOT = resolve(".");

export interface Import {
  /** Path from src/: "store/store.ts", or the name of a package or a Node module. */
  readonly to: string;
  readonly typesOnly: boolean;
  /** Loaded when called, by `import()`. */
  readonly lazy: boolean;
}

export interface SourceFile {
  /** Path from src/, with forward slashes. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** The same without its comments. */
  readonly code: string;
  readonly imports: readonly Import[];
  readonly isTest: boolean;
}

export function readSources(root = join(ROOT, "src")): SourceFile[] {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts")).map((path) => path.split(sep).join("/"));
  return paths.sort().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const code = withoutComments(text);
    return { path, room: path.split("/")[0]!, text, code, imports: importsOf(code, path), isTest: /\.(?:test|suite)\.ts$/.test(path) };
  });
}

/** Comments on lines of their own or after code and a space; "//" within a string such as a URL has no space before it. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*\*?[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

export function importsOf(code: string, path: string): Import[] {
  const found: Import[] = [];
  for (const match of code.matchAll(/^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?)\s*from\s*"([^"]+)"|^import\s+"([^"]+)"/gm)) {
    const names = /^\{([^}]*)\}$/.exec(match[2] ?? "")?.[1]?.split(",").map((name) => name.trim()).filter((name) => name !== "") ?? [];
    const typesOnly = match[1] !== undefined || (names.length > 0 && names.every((name) => name.startsWith("type ")));
    found.push({ to: target(match[3] ?? match[4]!, path), typesOnly, lazy: false });
  }
  for (const [, to] of code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) found.push({ to: target(to!, path), typesOnly: false, lazy: true });
  return found;
}

function target(specifier: string, from: string): string {
  return specifier.startsWith(".") ? posix.normalize(posix.join(posix.dirname(from), specifier)) : specifier;
}

export function isOwn({ to }: Import): boolean {
  return /^[\w-]+\/.*\.ts$/.test(to) && !to.startsWith("node:");
}

/** `store` → `store`; `gpt-tokenizer/encoding/x` → `gpt-tokenizer`; `@scope/name/x` → `@scope/name`. */
export function packageOf(to: string): string {
  return to.split("/").slice(0, to.startsWith("@") ? 2 : 1).join("/");
}

/** Which rooms each room uses in fact, tests and suites left out. */
export function usesOf(sources: readonly SourceFile[]): Map<string, Set<string>> {
  const uses = new Map<string, Set<string>>();
  for (const { room, imports, isTest } of sources) {
    if (isTest) continue;
    const used = uses.get(room) ?? new Set<string>();
    uses.set(room, used);
    for (const each of imports) {
      const other = each.to.split("/")[0]!;
      if (isOwn(each) && other !== room) used.add(other);
    }
  }
  return uses;
}

/** Rooms from the shell down to the base, a level for each, with what they use. */
export function diagram(sources: readonly SourceFile[]): string {
  const uses = usesOf(sources);
  const order = Object.keys(ALLOWED);
  const level = new Map<string, number>();
  const levelOf = (room: string): number => {
    const known = level.get(room);
    if (known !== undefined) return known;
    level.set(room, 0);
    const above = [...(uses.get(room) ?? [])].map((used) => levelOf(used) + 1);
    level.set(room, Math.max(0, ...above));
    return level.get(room)!;
  };
  for (const room of uses.keys()) levelOf(room);
  const names = (rooms: Iterable<string>): string => [...rooms].sort((a, b) => order.indexOf(b) - order.indexOf(a)).join(", ");
  const lines: string[] = [];
  const width = Math.max(...[...uses.keys()].map((room) => room.length));
  const top = Math.max(...level.values());
  for (let at = top; at >= 0; at--) {
    for (const room of order.toReversed().filter((each) => level.get(each) === at)) {
      const used = uses.get(room)!;
      lines.push(`${String(at)}  ${room.padEnd(width)}  ${PURE.includes(room) ? "pure" : "    "}  ${used.size === 0 ? "uses nothing of ours" : `uses ${names(used)}`}`);
    }
  }
  return lines.join("\n");
}

/** Files that lead back to themselves: each loop once, as the files on it. */
export function cycles(sources: readonly SourceFile[]): string[][] {
  const next = new Map(sources.map(({ path, imports }) => [path, imports.filter(isOwn).map(({ to }) => to)]));
  const found = new Map<string, string[]>();
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      const loop = trail.slice(at);
      found.set([...loop].sort().join(" "), [...loop, path]);
      return;
    }
    if (done.has(path)) return;
    for (const to of next.get(path) ?? []) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return [...found.values()];
}

/** The comment a file opens with, or undefined. */
export function opening(text: string): string | undefined {
  const start = text.replace(/^#!.*\n/, "");
  return /^\/\*\*?[\s\S]*?\*\//.exec(start)?.[0] ?? /^(?:\/\/.*\n)+/.exec(start)?.[0];
}

