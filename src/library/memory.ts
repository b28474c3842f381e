/**
 * Memories for other programs: `import { openMemory } from "tidemark/memory"`. The same log, scopes and rules as the command
 * line has. `memoryTool` gives the six commands of the Anthropic API's memory tool, for its own SDK
 * (`betaMemoryTool(memory.memoryTool())`), the AI SDK (`anthropic.tools.memory_20250818({ execute })`) and LangChain
 * (`tools.memory_20250818({ execute })`). A shell like cli/: here is what is asked of the machine, and what foreign values are worth.
 *
 * What is exported here is what dist/memory.d.ts says; it refers to nothing else, so that it can be read alone.
 */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { stateHome } from "../cli/environment.ts";
import { valid } from "../memory/fold.ts";
import type { Memory as Kept } from "../memory/model.ts";
import { kindOfStatement } from "../memory/sentences.ts";
import { kindOf, scopeName, scopeOf } from "../memory/statement.ts";
import { findMemory, historyOf, memories, remember, review, revertPass, supersede, type Passed } from "../operations/memories.ts";
import { commandMemoryFiles, memoryFiles } from "../operations/memory-files.ts";
import { aboutOf, check, placeOf, recallMemories, type Here } from "../operations/recall-memories.ts";
import { usefulnessHere } from "../operations/uses.ts";
import type { Store } from "../store/store.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";

export interface OpenOptions {
  /** A folder of the project that memories are of; by default the one the program runs in. */
  folder?: string;
  /** The state folder; by default the one that the command line uses (`TIDEMARK_HOME`). */
  home?: string;
}

export interface RememberOptions {
  /** What it is about: a later statement with the same key and scope takes its place. */
  key?: string;
  kind?: "constraint" | "decision" | "procedural" | "semantic" | "episodic" | "working";
  /** "project" (the default), "user", "team", "branch", "branch NAME" or "path PATH". */
  scope?: string;
  /** Who says so: "user" counts at once, "inferred" and "tool" wait for the user. "user" by default. */
  trust?: "user" | "inferred" | "tool";
  /** Ids of events it was taken from. */
  sources?: readonly string[];
}

export interface Memory {
  id: string;
  key: string;
  kind: "constraint" | "decision" | "procedural" | "semantic" | "episodic" | "working";
  statement: string;
  scope: string;
  status: "active" | "inbox" | "rejected" | "superseded" | "ended" | "merged";
  trust: "user" | "inferred" | "tool";
  /** 0 to 1. */
  confidence: number;
  /** Milliseconds since 1970: valid from the first up to, and not at, the second. */
  validFrom: number;
  validTo?: number;
  recordedAt: number;
  supersededBy?: string;
  sources: readonly string[];
  /** Whether what it names in the tree is as it was when it was remembered. */
  check: "current" | "changed" | "gone" | "unverified";
  /** Why the check says so. */
  why: readonly string[];
}

export interface Found extends Memory {
  score: number;
}

export interface Remembered {
  memory: Memory;
  /** merged: it is said in other words already; known: word for word. */
  outcome: "added" | "merged" | "known";
  /** Whose place it took. */
  superseded?: Memory;
  /** To take it back by; absent where nothing changed. */
  pass?: string;
}

/** The six commands, each an answer in words for the model; one that cannot be carried out throws an Error with such words. */
export interface MemoryTool {
  view(command: { path: string; view_range?: number[] | null }): Promise<string>;
  create(command: { path: string; file_text: string }): Promise<string>;
  str_replace(command: { path: string; old_str: string; new_str: string }): Promise<string>;
  insert(command: { path: string; insert_line: number; insert_text: string }): Promise<string>;
  delete(command: { path: string }): Promise<string>;
  rename(command: { old_path: string; new_path: string }): Promise<string>;
  /** All of them by their field `command`, as the AI SDK and LangChain call it. */
  execute(command: { command: string } & Record<string, unknown>): Promise<string>;
}

export interface MemoryHandle {
  remember(statement: string, options?: RememberOptions): Promise<Remembered>;
  /** What of the memories answers a question, the best first, checked against the tree as it is now. */
  recall(question: string, options?: { limit?: number }): Promise<Found[]>;
  /** What holds, or held at a time, seen from this project. `asOf` in milliseconds since 1970. */
  list(options?: { asOf?: number }): Promise<Memory[]>;
  /** By id, the beginning of one, or a key. */
  get(idOrKey: string): Promise<Memory>;
  /** Every value its key had, the oldest first. */
  history(idOrKey: string): Promise<Memory[]>;
  supersede(idOrKey: string, statement: string): Promise<Memory>;
  /** It holds no longer. It stays in the log: `tidemark forget --memory` removes it for good. */
  end(idOrKey: string): Promise<Memory>;
  /** Takes a pass back, or a revert. */
  revert(pass: string): Promise<string>;
  /** The memory files of an agent: those of this project, or of a space that is named. */
  memoryTool(options?: { space?: string }): MemoryTool;
  /** The same files by path, as they are or were at a time. */
  memoryFiles(options?: { space?: string; asOf?: number }): Promise<Map<string, string>>;
  close(): Promise<void>;
}

export async function openMemory(options: OpenOptions = {}): Promise<MemoryHandle> {
  const folder = resolve(options.folder ?? process.cwd());
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw new TidemarkError("PATH_MISSING", `${folder} is not a folder`, { hint: "Give the folder of a project." });
  const home = options.home === undefined ? stateHome(process.env) : resolve(options.home);
  const store = await openSqliteStore(home);
  return new Handle(store, await placeOf(folder, process.env));
}

class Handle implements MemoryHandle {
  readonly #store: Store;
  readonly #here: Here;
  readonly #holder = `library-${process.pid}-${randomBytes(6).toString("hex")}`;

  constructor(store: Store, here: Here) {
    this.#store = store;
    this.#here = here;
  }

  async remember(statement: string, { key, kind, scope: wanted = "project", trust = "user", sources = [] }: RememberOptions = {}): Promise<Remembered> {
    const scope = scopeOf(wanted, this.#here);
    const about = aboutOf(statement, this.#here, scope);
    const { memory, outcome, superseded, pass } = await remember(this.#store, {
      statement, scope, trust, sources, kind: kind === undefined ? kindOfStatement(statement) : kindOf(kind),
      ...(key === undefined ? {} : { key }), ...(about === undefined ? {} : { about }),
    }, Date.now());
    return { memory: this.#shown(memory), outcome, ...(superseded === undefined ? {} : { superseded: this.#shown(superseded) }), ...passOf({ pass }) };
  }

  async recall(question: string, { limit = 10 }: { limit?: number } = {}): Promise<Found[]> {
    const [state, now] = [await memories(this.#store), Date.now()];
    const found = recallMemories(state, question, { here: this.#here, now, limit, usefulness: await usefulnessHere(this.#store, state, this.#here.project, now) });
    return found.map(({ memory, score }) => ({ ...this.#shown(memory), score }));
  }

  async list({ asOf = Date.now() }: { asOf?: number } = {}): Promise<Memory[]> {
    const { project } = this.#here;
    return valid(await memories(this.#store), asOf).filter(({ scope }) => scope.project === undefined || scope.project === project).map((memory) => this.#shown(memory));
  }

  async get(idOrKey: string): Promise<Memory> {
    return this.#shown(findMemory(await memories(this.#store), idOrKey));
  }

  async history(idOrKey: string): Promise<Memory[]> {
    return historyOf(await memories(this.#store), idOrKey).values.map((memory) => this.#shown(memory));
  }

  async supersede(idOrKey: string, statement: string): Promise<Memory> {
    return this.#shown((await supersede(this.#store, idOrKey, statement, Date.now())).memory);
  }

  async end(idOrKey: string): Promise<Memory> {
    return this.#shown((await review(this.#store, [idOrKey], { how: "end" }, Date.now())).memories[0]!);
  }

  async revert(pass: string): Promise<string> {
    return (await revertPass(this.#store, pass, Date.now())).pass;
  }

  memoryTool({ space = this.#here.project }: { space?: string } = {}): MemoryTool {
    const execute = (command: unknown): Promise<string> => commandMemoryFiles(this.#store, { name: space, holder: this.#holder, clock: Date.now }, command);
    const named = (name: string) => (input: object): Promise<string> => execute({ ...input, command: name });
    return { view: named("view"), create: named("create"), str_replace: named("str_replace"), insert: named("insert"), delete: named("delete"), rename: named("rename"), execute };
  }

  async memoryFiles({ space = this.#here.project, asOf }: { space?: string; asOf?: number } = {}): Promise<Map<string, string>> {
    return new Map(await memoryFiles(this.#store, space, asOf));
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #shown(memory: Kept): Memory {
    const { id, key, kind, statement, scope, status, trust, confidence, valid_from, valid_to, recorded_at, superseded_by, sources } = memory;
    return {
      id, key, kind, statement, scope: scopeName(scope), status, trust, confidence, validFrom: valid_from, recordedAt: recorded_at, sources,
      ...(valid_to === undefined ? {} : { validTo: valid_to }), ...(superseded_by === undefined ? {} : { supersededBy: superseded_by }),
      ...check(memory, this.#here, Date.now()),
    };
  }
}

function passOf({ pass }: Pick<Passed, "pass">): { pass?: string } {
  return pass === undefined ? {} : { pass };
}
