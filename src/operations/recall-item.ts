/** The shape of whatever is recalled: a passage, a memory, a session. */
import type { Role } from "../event/text.ts";
import type { Kind, Trust } from "../memory/model.ts";
import type { FoundBy } from "./meaning.ts";
import type { FileAnswer } from "../worktree/check.ts";

export interface Source {
  readonly session: string;
  /** 0 where it belongs to no live turn: it was gone back on, or stands outside of turns. */
  readonly turn: number;
  readonly event: string;
}

/** One thing recalled; its members are fixed by the contract of `recall` and `memory`. Times in milliseconds since 1970. */
export interface Recalled {
  readonly id: string;
  readonly key: string | undefined;
  readonly kind: Kind;
  readonly statement: string;
  readonly scope: string;
  readonly trust: Trust;
  readonly valid_from: number;
  readonly valid_to: number | undefined;
  readonly recorded_at: number;
  readonly sources: readonly Source[];
  /** Of the files that it names: gone where one is, else changed where one is; unverified where none can be looked at. */
  readonly check: FileAnswer["check"] | "unverified";
  /** Of a memory: what the check found. */
  readonly why: readonly string[];
  readonly score: number;
  /** Of a passage. */
  readonly role: Role | undefined;
  readonly speaker: string | undefined;
  readonly branch: string | undefined;
  /** Of a passage, where there is an embedder. */
  readonly found_by?: FoundBy;
}
