/** Memories out to Markdown and back in: what was changed in the file is one pass, which can be taken back whole. */
import { TidemarkError } from "../base/errors.ts";
import { waits } from "../memory/consolidate.ts";
import { valid, type MemoryState } from "../memory/fold.ts";
import { fromMarkdown, toMarkdown, type Item } from "../memory/markdown.ts";
import { scopeText, type Change, type Fields, type Memory } from "../memory/model.ts";
import { defaultKey, isSeenFrom, type Place } from "../memory/statement.ts";
import type { Store } from "../store/store.ts";
import { idsFor, memories, recordPass, type Passed } from "./memories.ts";

/** What an exported file holds: all that is active and valid, and is seen from there. */
function exported(state: MemoryState, place: Place, now: number): Memory[] {
  return valid(state, now).filter(({ status, scope }) => status === "active" && isSeenFrom(scope, place));
}

export async function exportMemories(store: Store, place: Place, now: number): Promise<{ readonly text: string; readonly count: number }> {
  const found = exported(await memories(store), place, now);
  return { text: toMarkdown(found, place), count: found.length };
}

export interface Imported extends Passed {
  readonly added: number;
  readonly changed: number;
  /** Those whose items are no longer in the file. */
  readonly ended: number;
  /** Those that only wait in the inbox, since the file does not say that the user said them. */
  readonly waiting: number;
}

export interface Importing {
  readonly place: Place;
  readonly now: number;
  readonly whole: boolean;
  /** What a statement names in the tree. */
  readonly about?: (statement: string, scope: Memory["scope"]) => Fields["about"];
}

/** `whole`: the file is all there is to be, and what is not in it ends. Otherwise what it lacks is left alone. */
export async function importMemories(store: Store, text: string, importing: Importing): Promise<Imported> {
  const { place, now, whole } = importing;
  const state = await memories(store);
  const items = fromMarkdown(text, place);
  const newId = idsFor(JSON.stringify([now, state.last, text]));
  const changes = items.flatMap((item) => changesFor(item, state, importing, newId));
  const added = changes.filter(({ was }) => was === undefined);
  if (whole) {
    const kept = new Set(items.map(({ id }) => id));
    const mentioned = new Set(changes.map(({ id }) => id));
    for (const { id, status, valid_from } of exported(state, place, now)) {
      if (!kept.has(id) && !mentioned.has(id)) changes.push({ id, was: { status: status as "active" }, now: { status: "ended", valid_to: Math.max(now, valid_from) } });
    }
  }
  const ended = changes.filter(({ now: { status } }) => status === "ended").length;
  const superseded = changes.filter(({ now: { status } }) => status === "superseded").length;
  const passed = await recordPass(store, changes, { by: "user", what: "import", now, state });
  return { ...passed, added: added.length - superseded, changed: changes.length - added.length - ended, ended, waiting: added.filter((each) => each.now.status === "inbox").length };
}

/** Another statement is another memory, which takes the place of the one that was there; key, kind and scope are changed in place. */
function changesFor(item: Item, state: MemoryState, { place, now, about }: Importing, newId: () => string): Change[] {
  const { id, kind, statement, key, scope = { level: "project", project: place.project }, trust = "user", valid_from = now, line } = item;
  const known = id === undefined ? undefined : state.memories.get(id);
  const named = known?.statement === statement ? undefined : about?.(statement, scope);
  const names = named === undefined ? {} : { about: named };
  if (known === undefined) {
    const fields: Fields = { key: key ?? defaultKey(statement), kind, statement, scope, trust, status: waits({ trust, kind }) ? "inbox" : "active", confidence: trust === "user" ? 1 : 0.5, valid_from, sources: [], ...names };
    return [{ id: id ?? newId(), now: fields }];
  }
  if (known.status !== "active") throw new TidemarkError("MEMORY_FILE", `Line ${line}: ${known.id} is ${known.status} since the file was written`, { hint: `tidemark memory history ${known.id}, then take the line out or its comment off` });
  if (known.statement !== statement) {
    const next = newId();
    return [
      { id: next, now: { key: key ?? known.key, kind, statement, scope, trust: "user", status: "active", confidence: 1, valid_from: now, sources: [...known.sources], ...names } },
      { id: known.id, was: { status: "active" }, now: { status: "superseded", superseded_by: next, valid_to: Math.max(now, known.valid_from) } },
    ];
  }
  const was: Fields = {};
  const fields: Fields = {};
  if (key !== undefined && key !== known.key) [was.key, fields.key] = [known.key, key];
  if (kind !== known.kind) [was.kind, fields.kind] = [known.kind, kind];
  if (scopeText(scope) !== scopeText(known.scope)) [was.scope, fields.scope] = [known.scope, scope];
  if (item.valid_from !== undefined && item.valid_from !== known.valid_from) [was.valid_from, fields.valid_from] = [known.valid_from, item.valid_from];
  return Object.keys(fields).length === 0 ? [] : [{ id: known.id, was, now: fields }];
}
