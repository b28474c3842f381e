/**
 * Events that are of no agent's session: passes over memories, what was handed out, handoffs, what a model was asked. They stand under sessions of
 * our own, one for each kind and day, so that the summary of each stays small; none is shown as a session or counts as work.
 */
const KINDS = ["memory", "context", "handoff", "model"] as const;
export type OwnKind = (typeof KINDS)[number];

/** `now` in milliseconds since 1970. */
export function ownSession(kind: OwnKind, now: number): string {
  return `${kind}:${new Date(now).toISOString().slice(0, 10)}`;
}

export function isOwnSession(id: string): boolean {
  return KINDS.some((kind) => isOf(kind, id));
}

/** What was handed out grows with each call of a client, and nobody asks for a summary of it. */
export function hasSummary(id: string): boolean {
  return !isOf("context", id);
}

/** Those of one kind, the newest first. */
export function ownDays(kind: OwnKind, sessions: Iterable<string>): string[] {
  return [...sessions].filter((id) => isOf(kind, id)).sort().reverse();
}

function isOf(kind: OwnKind, id: string): boolean {
  return id.startsWith(`${kind}:`);
}
