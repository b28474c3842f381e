/**
 * What is kept ready of what the log adds up to, what was handed to agents, and what a model was asked: `status --cost`. A hit is what the next command
 * has from the store, by the position of the log it was worked out at; a miss is what it would work out anew. What one
 * process keeps for itself (store/sqlite/passage-cache.ts) ends with it and is counted nowhere.
 */
import type { Store } from "../store/store.ts";
import { spending, type Spent } from "./model.ts";

export interface Kept {
  readonly hits: number;
  readonly misses: number;
}

export interface Cost {
  /** Sessions, by their summary and trace. */
  readonly sessions: Kept;
  /** Events, by the passages in them. */
  readonly events: Kept;
  /** All that was handed over: at starts, and to clients that asked. */
  readonly given: { readonly starts: number; readonly requests: number; readonly tokens: number };
  /** Where the user has named a model, by model and purpose. */
  readonly models: readonly Spent[];
}

/** To be asked before anything is brought up to date. */
export async function cost(store: Store): Promise<Cost> {
  const [stale, heads, passages] = [await store.stale(), await store.heads(), await store.takePassages(0)];
  let [starts, requests, tokens] = [0, 0, 0];
  for (const { event, erased } of await store.ofTypes(["start.recalled", "context.given"])) {
    if (erased) continue;
    if (event.type === "start.recalled" && event.payload.characters > 0) starts += 1;
    else if (event.type === "context.given") requests += 1;
    else continue;
    tokens += event.payload.tokens;
  }
  return { sessions: { hits: heads.size - stale.size, misses: stale.size }, events: { hits: passages.position, misses: passages.head - passages.position }, given: { starts, requests, tokens }, models: await spending(store) };
}
