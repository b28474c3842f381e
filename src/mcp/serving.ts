/**
 * What the MCP server is given by the shell that serves it, and who calls. Everything personal or changing comes from there:
 * where state is kept, the clock, what time it is, ids that nobody can guess.
 */
import type { Environment } from "../worktree/state.ts";
import type { Store } from "../store/store.ts";

/** One for a process; servers are made from it for each request or connection. */
export interface Serving {
  readonly version: string;
  /** The state folder. */
  readonly home: string;
  /** Where a call is about that names no project. */
  readonly cwd: string;
  readonly environment: Environment;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The log, with what hooks have left taken in. */
  readonly store: () => Promise<Store>;
  /** What went wrong and is not the caller's to know. */
  readonly onTrouble: (error: unknown) => void;
}
