/**
 * Handoffs: what whoever leaves work says to the next one. What each line names (files, names in them, commands, commits) is
 * looked up in the tree when it is written, and again whenever it is read. One handoff of a project counts: the newest.
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { printable } from "../base/text.ts";
import type { Handoff, HandoffItem, HandoffPart } from "../context/handoff.ts";
import { HANDOFF_PARTS, type EventOf, type Payload } from "../event/schema.ts";
import { mentionsOf } from "../memory/about.ts";
import type { Store } from "../store/store.ts";
import { commitState, type Environment } from "../worktree/state.ts";
import { checkWitness, isThere, witness, type Witness } from "../worktree/witness.ts";
import { ownDays, ownSession } from "./own-sessions.ts";
import type { Here } from "./recall-memories.ts";
import { record } from "./record.ts";

export type HandoffGiven = Readonly<Record<HandoffPart, readonly string[]>>;

export interface Writing {
  readonly here: Here;
  readonly environment: Environment;
  readonly now: number;
  /** The session whose work it is about, where that is known. */
  readonly of?: string;
  readonly through: string;
  readonly client?: string;
  readonly principal?: string;
}

export interface Written {
  readonly handoff: Handoff;
  /** False where the newest one says the same, word for word. */
  readonly fresh: boolean;
  /** What the lines name and the tree does not have. */
  readonly missing: readonly string[];
  /** Secrets taken out, by family. */
  readonly redacted: Readonly<Record<string, number>>;
}

type Item = Payload<"handoff.written">["items"][number];

/** How long a handoff is given to those who come, in milliseconds: what is older is told by sessions since. */
const GIVEN = 14 * 86_400_000;

/** Commits that are looked up for one line; each is a process of git's. */
const COMMITS = 3;

export async function writeHandoff(store: Store, given: HandoffGiven, writing: Writing): Promise<Written> {
  const { here, environment, now, of, through, client, principal } = writing;
  const items: Item[] = [];
  for (const part of HANDOFF_PARTS) for (const text of given[part]) if (text.trim() !== "") items.push(await itemOf(part, printable(text.toWellFormed()).trim(), here, environment));
  if (items.length === 0) throw new TidemarkError("BAD_VALUE", "There is nothing to hand over: every list is empty", { hint: "Say in `done` what is finished and in `next` what the next worker should do first." });
  const last = await newest(store, here.project);
  const fresh = last === undefined || wordsOf(last.payload.items) !== wordsOf(items);
  const missing = [...new Set(items.flatMap((item) => item.missing ?? []))];
  if (!fresh) return { handoff: await read(last, here, environment), fresh, missing, redacted: {} };
  // By what it says and what came before it: written twice at once it is one.
  const id = `handoff:${sha256Hex(JSON.stringify([here.project, last?.id ?? "", wordsOf(items)])).slice(0, 16)}`;
  const payload = { project: here.project, tree: here.tree, ...(of === undefined ? {} : { of }), through, ...(client === undefined ? {} : { client }), ...(principal === undefined ? {} : { principal }), items };
  const { redacted } = await record(store, [{ id, time: now, type: "handoff.written", session: ownSession("handoff", now), agent: "tidemark", payload }]);
  return { handoff: await read((await store.get([id]))[0]!.event as EventOf<"handoff.written">, here, environment), fresh, missing, redacted };
}

/** The newest of the project, with what the tree says of it now; undefined where there is none, or none that is young enough: then `here` is not asked for. */
export async function newestHandoff(store: Store, project: string, here: () => Promise<Here>, environment: Environment, now: number): Promise<Handoff | undefined> {
  const found = await newest(store, project);
  return found === undefined || found.time < now - GIVEN ? undefined : read(found, await here(), environment);
}

/** From the newest day back, so that a start reads few of them. */
async function newest(store: Store, project: string): Promise<EventOf<"handoff.written"> | undefined> {
  for (const day of ownDays("handoff", (await store.heads()).keys())) {
    const found = (await store.ofTypes(["handoff.written"], [day])).findLast(({ event, erased }) => !erased && event.type === "handoff.written" && event.payload.project === project);
    if (found !== undefined) return found.event as EventOf<"handoff.written">;
  }
  return undefined;
}

function wordsOf(items: readonly Item[]): string {
  return JSON.stringify(items.map(({ part, text }) => [part, text]));
}

async function itemOf(part: HandoffPart, text: string, { tree, branch, head }: Here, environment: Environment): Promise<Item> {
  const mentions = mentionsOf(text);
  const about: Witness | undefined = witness(tree, mentions);
  const missing = mentions.paths.filter((path) => !isThere(tree, path));
  const commits: string[] = [];
  for (const commit of commitsIn(text)) {
    if ((await commitState(tree, commit, environment)) === "gone") missing.push(commit);
    else commits.push(commit);
  }
  const found = about === undefined ? {} : { about: { ...about, ...(branch === undefined ? {} : { branch }), ...(head === undefined ? {} : { commit: head }) } as NonNullable<Item["about"]> };
  return { part, text, ...found, ...(commits.length === 0 ? {} : { commits }), ...(missing.length === 0 ? {} : { missing }) };
}

/** Written as git abbreviates them: with a digit and a letter, so that neither words nor numbers are taken for one. */
function commitsIn(text: string): string[] {
  return [...new Set(text.match(/(?<![\w/.-])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}(?![\w/-])/g))].slice(0, COMMITS);
}

async function read({ id, time, payload }: EventOf<"handoff.written">, here: Here, environment: Environment): Promise<Handoff> {
  const items: HandoffItem[] = [];
  for (const { part, text, about, commits = [], missing = [] } of payload.items) {
    // The branch is said for the whole; a line is about what it names.
    const { branch: _, ...named } = (about ?? {}) as Witness;
    const checked = about === undefined ? { check: "unverified" as const, why: [] } : checkWitness(here.tree, named, here.branch);
    const gone = [...(checked.check === "gone" ? checked.why : []), ...missing.filter((each) => !isThere(here.tree, each))];
    const off: string[] = [];
    for (const commit of commits) {
      const state = await commitState(here.tree, commit, environment);
      if (state === "gone") gone.push(`commit ${commit}`);
      else if (state === "elsewhere") off.push(`commit ${commit} is not on this branch`);
    }
    const changed = [...(checked.check === "changed" ? checked.why : []), ...off];
    const check = gone.length > 0 ? "gone" : changed.length > 0 ? "changed" : commits.length > 0 && about === undefined ? "current" : checked.check;
    items.push({ part, text, check, why: gone.length > 0 ? gone : changed });
  }
  return { id, time, items, ...(payload.of === undefined ? {} : { of: payload.of }) };
}
