/** What a command file exports, and what it is given. The table of commands is main.ts. */
import type { Store } from "../store/store.ts";
import type { Terminal } from "./terminal.ts";

export interface Option {
  /** As commander writes it: "--budget <tokens>". */
  readonly flags: string;
  readonly text: string;
  readonly default?: string;
}

export interface CommandSpec {
  /** Arguments as in the usage line: "[session]" or "<query...>". */
  readonly args: string;
  readonly options: readonly Option[];
  /** It takes paths after `--`. */
  readonly paths?: true;
  /** First line: the summary. The rest is the help page. */
  readonly help: string;
  readonly run: (input: Input, context: Context) => Promise<number>;
}

export interface Input {
  readonly args: readonly string[];
  /** What stood after `--`, for a command that takes paths. */
  readonly paths: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** Everything personal or changing, decided by the shell and handed down. */
export interface Context {
  readonly terminal: Terminal;
  readonly home: string;
  readonly configDir: string;
  readonly cwd: string;
  readonly now: number;
  readonly version: string;
  /** For what only one command asks of it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Opened at the first call, closed by the shell. */
  readonly store: () => Promise<Store>;
  /** The same, with what hooks have left taken in where no engine does it: for commands that show what is. */
  readonly caughtUp: () => Promise<Store>;
}
