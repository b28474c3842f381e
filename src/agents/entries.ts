/** How an agent is told of Tidemark: entries in its own files, as functions of their text. operations/entries.ts reads and writes the files. */

/** A file as it was found; `text` is undefined where there is none. */
export interface TextFile {
  readonly path: string;
  readonly text: string | undefined;
}

/** What is to stand in a file, as functions of its text. Refused: CONFIG_UNREADABLE, where the text is not of its kind. */
export interface Entries {
  readonly put: (file: TextFile) => string;
  /** A container that this empties goes as well, unless `there` says that it was there before. */
  readonly takeOut: (file: TextFile, there?: ReadonlySet<string>) => string;
  /** Is something of ours in it? */
  readonly isWired: (file: TextFile) => boolean;
  /** Which of the containers that we put things into are there. */
  readonly containers: (file: TextFile) => string[];
  /** Is nothing left in it, so that a file that was not there before may go? */
  readonly isBlank: (file: TextFile) => boolean;
}

/** The name of our MCP server, for every client. */
export const SERVER = "tidemark";

/** Ours by what it starts, whatever the Node and the folder; under the same name may stand another's. */
export function startsTidemark(words: unknown): boolean {
  if (!Array.isArray(words)) return false;
  const [script, verb] = (words as unknown[]).slice(-2);
  return (verb === "engine" || verb === "mcp") && typeof script === "string" && /(?:^|[\\/])tidemark\.js$/.test(script);
}
