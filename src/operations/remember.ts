/** One statement remembered from a place: what it is about there is looked up, and its kind and scope are told from words. */
import { kindOfStatement } from "../memory/sentences.ts";
import { kindOf, scopeOf, statementOf } from "../memory/statement.ts";
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
  /** Who says it: the user, or an agent that was told to keep it. */
  readonly by: "user" | "agent";
}

export interface RememberedHere extends Remembered, Checked {
  /** Whether it names anything that stands in the tree. */
  readonly named: boolean;
}

export async function rememberHere(store: Store, { text, scope: wanted, key, kind, since, by }: Said, here: Here, now: number): Promise<RememberedHere> {
  const { statement } = statementOf(text);
  const scope = scopeOf(wanted, here);
  const about = aboutOf(statement, here, scope);
  const remembered = await remember(store, {
    statement: text, scope, kind: kind === undefined ? kindOfStatement(statement) : kindOf(kind),
    ...(key === undefined ? {} : { key }), ...(about === undefined ? {} : { about }), ...(since === undefined ? {} : { valid_from: since }), ...(by === "agent" ? { trust: "inferred", asked: true } : {}),
  }, now);
  return { ...remembered, ...check(remembered.memory, here, now), named: about !== undefined };
}
