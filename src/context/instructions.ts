/**
 * Which instruction files Claude Code gives an agent that was started in a folder and, where a file is named, has opened
 * that file: in order, each with the reason. The rules are the client's own, measured on 2.1.197 and 2.1.330 (docs/context.md,
 * test/client/instructions.client.ts). Reading is passed in; other agents are instructions-others.ts, warnings
 * instruction-warnings.ts.
 */
import { basename, dirname, extname, isAbsolute, join, normalize, relative } from "node:path";
import { readInstructions } from "./instruction-text.ts";
import { matchesWholePath } from "./path-patterns.ts";

/** A file as it lies there. */
export interface OnDisk {
  /** Where it really is, links followed. */
  readonly real: string;
  readonly bytes: number;
  /** Undefined: too large, not readable; `why` says it. */
  readonly text?: string;
  readonly why?: string;
}

export interface Files {
  /** Undefined where no plain file stands there. `most`: bytes; of a larger one only the size is told. */
  read(path: string, most: number): OnDisk | undefined;
  /** Files below a folder in the order in which the system lists them, links followed: where each really is, and by which name it was come to. */
  list(folder: string): readonly { readonly path: string; readonly real: string }[];
  /** Git's patterns, upper and lower case alike, for a path relative to where they hold. */
  matches(patterns: readonly string[], path: string): boolean;
}

export type Kind = "managed" | "user" | "project" | "local" | "auto";

/** In the client's own words. */
export type Reason = "session_start" | "include" | "nested_traversal" | "path_glob_match";

export interface InstructionFile {
  readonly path: string;
  readonly real: string;
  readonly kind: Kind;
  readonly reason: Reason;
  /** As the agent gets it. */
  readonly text: string;
  /** As it lies there; longer where something was cut off or out. */
  readonly raw: string;
  readonly bytes: number;
  /** The file that imports it, and the one whose opening loads it. */
  readonly importedBy?: string;
  readonly openedFor?: string;
  readonly patterns?: readonly string[];
  /** What was left out at the end, in words. */
  readonly cut?: string;
}

/** Something that is meant to be handed over and is not. */
export interface Dropped {
  readonly path: string;
  /** The file that names it; absent where it stands in the hierarchy itself. */
  readonly by?: string;
  /** As it was written there. */
  readonly written?: string;
  readonly why: "missing" | "not text" | "outside" | "too deep" | "too large" | "unreadable" | "linked outside" | "shadowed";
  readonly detail?: string;
}

export interface Loaded {
  readonly files: readonly InstructionFile[];
  readonly dropped: readonly Dropped[];
}

export interface Situation {
  /** Where the agent was started, its real place. */
  readonly cwd: string;
  /** The file that it has opened. */
  readonly open?: string;
  readonly home: string;
  readonly configDir: string;
  readonly managedDir: string;
  /** The tree that `cwd` belongs to, and the main one where that is a linked worktree. */
  readonly tree: string;
  readonly project: string;
  readonly excludes: readonly string[];
  /** Imports from outside of `cwd` were approved. */
  readonly approved: boolean;
  /** Undefined where auto memory is off. */
  readonly autoMemory?: string;
  /** Of the client, where it is known. */
  readonly version?: string;
}

/** Files beyond this are not loaded at all, in bytes: 4,194,304 came, 4,194,305 did not. */
export const MOST_BYTES = 4 * 1024 * 1024;

/** An instruction file and four levels of imports. */
const DEPTH = 5;

/** Of the index of auto memory. */
const MEMORY_LINES = 200;
const MEMORY_BYTES = 25_000;

/** Endings that an import may have, or none; others are ignored. Lower and upper case alike. */
const TEXT = new Set(
  ("md txt text json yaml yml toml xml csv html htm css scss sass less js ts tsx jsx mjs cjs mts cts py pyi pyw rb erb rake go rs java kt kts scala c cpp cc cxx h hpp hxx cs swift sh bash zsh fish ps1 bat cmd " +
    "env ini cfg conf config properties sql graphql gql proto vue svelte astro ejs hbs pug jade php pl pm lua r dart ex exs erl hrl clj cljs cljc edn hs lhs elm ml mli f f90 f95 for cmake make makefile gradle sbt rst " +
    "adoc asciidoc org tex latex lock log diff patch").split(" "),
);

/** 2.1.330 reads AGENTS.md and looks where links lead, 2.1.197 does neither; which version between them was the first is not known. */
const isOld = (version: string | undefined): boolean => version !== undefined && !isAfter(version, [2, 1, 197]);

function isAfter(version: string, than: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  const at = than.findIndex((part, i) => parts[i] !== part);
  return at >= 0 && (parts[at] ?? 0) > than[at]!;
}

export function claudeInstructions(files: Files, situation: Situation): Loaded {
  const first = new Hierarchy(files, situation, false).load();
  // AGENTS.md counts only where the project has no instructions of the client's own; rules are none of these.
  const hasOwn = first.files.some(({ kind, path, reason, importedBy }) => (kind === "project" || kind === "local") && reason === "session_start" && importedBy === undefined && basename(path).startsWith("CLAUDE"));
  if (isOld(situation.version)) return first;
  return hasOwn ? { ...first, dropped: [...first.dropped, ...shadowed(files, situation, new Set(first.files.map(({ real }) => real)))] } : new Hierarchy(files, situation, true).load();
}

/** The project's AGENTS.md beside a CLAUDE.md that does not take it in. */
function shadowed(files: Files, { cwd, tree }: Situation, loaded: ReadonlySet<string>): Dropped[] {
  return foldersDown(cwd).filter((folder) => isWithin(tree, folder)).flatMap((folder): Dropped[] => {
    const path = join(folder, "AGENTS.md");
    const found = files.read(path, MOST_BYTES);
    return found?.text?.trim() && !loaded.has(found.real) ? [{ path, why: "shadowed" }] : [];
  });
}

class Hierarchy {
  readonly #disk: Files;
  readonly #at: Situation;
  readonly #agents: boolean;
  readonly #old: boolean;
  readonly #loaded = new Map<string, InstructionFile>();
  readonly #dropped: Dropped[] = [];

  constructor(disk: Files, at: Situation, agents: boolean) {
    this.#disk = disk;
    this.#at = at;
    this.#agents = agents;
    this.#old = isOld(at.version);
  }

  load(): Loaded {
    const { configDir, managedDir, cwd, open } = this.#at;
    const start = new Pass(this.#disk, this.#at, this.#old, "session_start", this.#dropped);
    this.#take(start.file(join(managedDir, "CLAUDE.md"), "managed"), start.rules(join(managedDir, ".claude/rules"), "managed").filter(holdsAlways));
    this.#take(start.file(join(configDir, "CLAUDE.md"), "user"), start.rules(join(configDir, "rules"), "user").filter(holdsAlways));
    for (const folder of foldersDown(cwd)) {
      const ofProject = !this.#isMainTree(folder);
      if (ofProject) {
        this.#take(start.file(join(folder, "CLAUDE.md"), "project"), start.file(join(folder, ".claude/CLAUDE.md"), "project"));
        this.#take(start.rules(join(folder, ".claude/rules"), "project").filter(holdsAlways));
        if (this.#agents) this.#take(start.file(join(folder, "AGENTS.md"), "project"), start.file(join(folder, ".claude/AGENTS.md"), "project"));
      }
      this.#take(start.file(join(folder, "CLAUDE.local.md"), "local"));
    }
    this.#remember();
    if (open !== undefined) this.#opened(open);
    return { files: [...this.#loaded.values()], dropped: this.#dropped };
  }

  /** A worktree within the main tree has its own copy of what that one has checked in. */
  #isMainTree(folder: string): boolean {
    const { tree, project } = this.#at;
    return tree !== project && isWithin(project, tree) && isWithin(project, folder) && !isWithin(tree, folder);
  }

  #take(...found: readonly (readonly InstructionFile[])[]): void {
    for (const file of found.flat()) if (!this.#loaded.has(file.path)) this.#loaded.set(file.path, file);
  }

  #remember(): void {
    const { autoMemory } = this.#at;
    const found = autoMemory === undefined ? undefined : this.#disk.read(autoMemory, MOST_BYTES);
    if (autoMemory === undefined || found?.text === undefined || found.text.trim() === "") return;
    const lines = found.text.trim().split("\n");
    let text = lines.slice(0, MEMORY_LINES).join("\n");
    const tooMany = lines.length > MEMORY_LINES;
    if (Buffer.byteLength(text) > MEMORY_BYTES) text = text.slice(0, Math.max(0, text.lastIndexOf("\n", MEMORY_BYTES)) || MEMORY_BYTES);
    const cut = text.length < found.text.trim().length ? `only ${tooMany ? `the first ${MEMORY_LINES} of ${lines.length} lines` : `the first ${MEMORY_BYTES.toLocaleString("en-US")} of ${found.bytes.toLocaleString("en-US")} bytes`} are loaded` : undefined;
    this.#take([{ path: autoMemory, real: found.real, kind: "auto", reason: "session_start", text, raw: found.text, bytes: found.bytes, ...(cut === undefined ? {} : { cut }) }]);
  }

  #opened(open: string): void {
    const { configDir, managedDir, cwd } = this.#at;
    const ruled = (folder: string, kind: Kind, base: string): InstructionFile[] => {
      const path = relative(base, open);
      if (path === "" || path.startsWith("..") || isAbsolute(path)) return [];
      return new Pass(this.#disk, this.#at, this.#old, "path_glob_match", [], open).rules(folder, kind).filter(({ patterns }) => patterns !== undefined && this.#disk.matches(patterns, path));
    };
    this.#take(ruled(join(managedDir, ".claude/rules"), "managed", cwd), ruled(join(configDir, "rules"), "user", cwd));
    if (isWithin(cwd, open)) {
      const nested = new Pass(this.#disk, this.#at, this.#old, "nested_traversal", this.#dropped, open);
      for (const folder of foldersDown(dirname(open)).filter((each) => each !== cwd && isWithin(cwd, each))) {
        this.#take(nested.file(join(folder, "CLAUDE.md"), "project"), nested.file(join(folder, ".claude/CLAUDE.md"), "project"), nested.file(join(folder, "CLAUDE.local.md"), "local"));
        this.#take(nested.rules(join(folder, ".claude/rules"), "project").filter(holdsAlways), ruled(join(folder, ".claude/rules"), "project", folder));
      }
    }
    for (const folder of foldersDown(cwd)) if (!this.#isMainTree(folder)) this.#take(ruled(join(folder, ".claude/rules"), "project", folder));
  }
}

const holdsAlways = ({ patterns }: InstructionFile): boolean => patterns === undefined;

/** One going through the folders: each file once, with what it imports behind it. */
class Pass {
  readonly #disk: Files;
  readonly #at: Situation;
  readonly #old: boolean;
  readonly #reason: Reason;
  readonly #dropped: Dropped[];
  readonly #open: string | undefined;
  readonly #seen = new Set<string>();

  constructor(disk: Files, at: Situation, old: boolean, reason: Reason, dropped: Dropped[], open?: string) {
    this.#disk = disk;
    this.#at = at;
    this.#old = old;
    this.#reason = reason;
    this.#dropped = dropped;
    this.#open = open;
  }

  file(path: string, kind: Kind): InstructionFile[] {
    return this.#read(path, kind, 0);
  }

  rules(folder: string, kind: Kind): InstructionFile[] {
    return this.#disk.list(folder).filter(({ real }) => real.endsWith(".md")).flatMap(({ path, real }) => {
      if (kind === "project" && real !== path && !this.#mayLead(real)) {
        this.#dropped.push({ path, why: "linked outside", detail: real });
        return [];
      }
      return this.#read(real, kind, 0);
    });
  }

  /** Older clients look at the link, newer ones at where it leads. */
  #mayLead(real: string): boolean {
    return this.#old || this.#at.approved || isWithin(this.#at.cwd, real);
  }

  #read(path: string, kind: Kind, depth: number, by?: { readonly path: string; readonly written: string }): InstructionFile[] {
    const drop = (why: Dropped["why"], detail?: string): InstructionFile[] => {
      this.#dropped.push({ path, why, ...(by === undefined ? {} : { by: by.path, written: by.written }), ...(detail === undefined ? {} : { detail }) });
      return [];
    };
    if (this.#seen.has(path) || (kind !== "managed" && matchesWholePath(this.#at.excludes, path))) return [];
    const found = this.#disk.read(path, MOST_BYTES);
    if (found === undefined) {
      const bare = path.replace(/[,.;:!?'")]+$/, "");
      if (by !== undefined && bare !== path && this.#disk.read(bare, MOST_BYTES) !== undefined) return drop("missing", bare);
      // What may be anyone's name, such as @user, is not said to be missing: only what looks like a file.
      return by !== undefined && /[./]/.test(by.written.slice(1)) ? drop("missing") : [];
    }
    if (by !== undefined && !isText(path)) return drop("not text");
    if (this.#seen.has(found.real)) return [];
    if (depth >= DEPTH) return drop("too deep");
    if (by !== undefined && kind !== "user" && !this.#at.approved && (!isWithin(this.#at.cwd, path) || !this.#mayLead(found.real))) return drop("outside");
    this.#seen.add(path).add(found.real);
    if (found.text === undefined) return drop(found.bytes > MOST_BYTES ? "too large" : "unreadable", found.why);
    const { text, paths, imports } = readInstructions(found.text);
    if (text.trim() === "") return [];
    const own: InstructionFile = {
      path, real: found.real, kind, reason: by === undefined ? this.#reason : "include", text, raw: found.text, bytes: found.bytes,
      ...(by === undefined ? {} : { importedBy: by.path }),
      ...(this.#open === undefined ? {} : { openedFor: this.#open }),
      ...(paths === undefined ? {} : { patterns: paths }),
    };
    return [own, ...imports.flatMap((written) => this.#read(this.#target(written, dirname(found.real)), kind, depth + 1, { path, written }))];
  }

  #target(written: string, folder: string): string {
    if (written.startsWith("~/")) return join(this.#at.home, written.slice(2));
    return normalize(isAbsolute(written) ? written : join(folder, written));
  }
}

/** By the ending, not by what is in it. */
function isText(path: string): boolean {
  const ending = extname(path).slice(1);
  return ending === "" || TEXT.has(ending.toLowerCase());
}

/** The file system's root and every folder from there to this one. */
export function foldersDown(folder: string): string[] {
  const up = dirname(folder);
  return up === folder ? [folder] : [...foldersDown(up), folder];
}

export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
