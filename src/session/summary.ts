/** What the list of sessions shows of one session; derived from its events, rebuilt by `verify`. */

/** How a session or turn came to its end, as far as its events tell. */
export type Ending =
  /** the agent finished its answer */
  | "completed"
  /** the user stopped it */
  | "interrupted"
  /** a tool call was under way and nothing followed: crash, kill, or the machine went off */
  | "crashed"
  /** the agent itself was ended in the middle of its work: terminal closed, signal, turn limit */
  | "closed"
  /** the agent reported an error */
  | "error"
  /** a usage limit was reached */
  | "limit"
  /** words were given and no answer is recorded */
  | "unanswered"
  /** abandoned by going back to an earlier point */
  | "rewound"
  /** only prompts were rescued */
  | "unknown";

export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cache_read: number;
  readonly cache_write: number;
}

export interface SessionSummary {
  readonly id: string;
  readonly agent: string;
  readonly parent?: string;
  readonly relation?: "forked" | "resumed";
  readonly project: string;
  /** The folder it was begun in: the agent looks for it there. */
  readonly cwd: string;
  readonly branch?: string;
  readonly started: number;
  readonly ended: number;
  readonly ending: Ending;
  readonly turns: number;
  readonly files: number;
  readonly tokens: Tokens;
  readonly cost_usd?: number;
  readonly title: string;
  readonly models: readonly string[];
  readonly compactions: number;
  readonly subagents: number;
  readonly events: number;
  readonly rescued: boolean;
  /** Where runs of a turn's events begin: position and the turn's number (0: gone back on), ascending. For search. */
  readonly starts: readonly (readonly [position: number, turn: number])[];
}
