/**
 * What a token may be good for. The scopes form one ladder: each holds those before it, so that whoever may put files back
 * may also look at them. Leaves out who checks it: over HTTP the gate (http/gate.ts) and the SDK, before a tool is called;
 * over stdio nobody, for there the client is the user's own process.
 */
import { requireScopes, type ScopeChallengeHandler } from "@modelcontextprotocol/server";

/** read: briefs, memories, sessions. write: memories, handoffs, checkpoints. restore: the user's files. admin: erasing for good. */
export const SCOPES = ["tidemark:read", "tidemark:write", "tidemark:restore", "tidemark:admin"] as const;

export type Scope = (typeof SCOPES)[number];

/** What everything needs, and what a client is first asked to get: the rest follows when it is needed. */
export const FIRST_SCOPE: Scope = "tidemark:read";

/** What was granted, with what that implies; in the order of the ladder. Words that are no scopes of ours grant nothing. */
export function withImplied(granted: readonly string[]): readonly Scope[] {
  const highest = Math.max(-1, ...granted.map((each) => (SCOPES as readonly string[]).indexOf(each)));
  return SCOPES.slice(0, highest + 1);
}

/** For the definition of a tool: a call with a token that is not good for it is answered 403, with the scope it takes. */
export function takes(scope: Scope): ScopeChallengeHandler {
  return requireScopes(scope);
}
