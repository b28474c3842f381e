/** One statement remembered from a place: what it is about there is looked up, and its kind and scope are told from words. */
import { kindOfStatement } from "../memory/sentences.ts";
import { kindOf, scopeOf, statementOf } from "../memory/statement.ts";
import type { Memory } from "../memory/model.ts";
import type { Store } from "../store/store.ts";
import { remember, type Remembered } from "./memories.ts";
import { aboutOf, check, type Here } from "./recall-memories.ts";
import type { Checked } from "../worktree/witness.ts";

export interface Said {
  readonly text: string;
  /** user, team, project, branch, "branch NAME" or "path PATH". */
  readonly scope: string;
  readonly key?: string;
  /** Told from the words if not given. */
  readonly kind?: string;
  /** Since when it holds, in milliseconds since 1970. */
  readonly since?: number;
  /** Said by the user, if nothing else. */
  readonly trust?: Memory["trust"];
}

export interface RememberedHere extends Remembered, Checked {
  /** Whether it names anything that stands in the tree. */
  readonly named: boolean;
}

export async function rememberHere(store: Store, { text, scope: wanted, key, kind, since, trust }: Said, here: Here, now: number): Promise<RememberedHere> {
  const { statement } = statementOf(text);
  const scope = scopeOf(wanted, here);
  const about = aboutOf(statement, here, scope);
  const remembered = await remember(store, {
    statement: text, scope, kind: kind === undefined ? kindOfStatement(statement) : kindOf(kind),
    ...(key === undefined ? {} : { key }), ...(about === undefined ? {} : { about }), ...(since === undefined ? {} : { valid_from: since }), ...(trust === undefined ? {} : { trust }),
  }, now);
  return { ...remembered, ...check(remembered.memory, here, now), named: about !== undefined };
}
