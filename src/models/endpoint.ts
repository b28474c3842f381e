/** Where a client finds an embedder or a model, and what it brings back. Types alone. */

export type EmbedderKind = "ollama" | "openai";
export type ServerKind = "anthropic" | "ollama" | "openai";

export interface Server {
  readonly model: string;
  /** Up to where the paths of the API begin. */
  readonly url: string;
  /** Sent to that address alone. */
  readonly key?: string;
}

export interface Endpoint extends Server {
  readonly kind: EmbedderKind;
}

/** Static vectors in a folder on this machine. */
export interface StaticPlace {
  readonly kind: "static";
  /** Its whole path. */
  readonly model: string;
  /** Tells the model from another one in the same folder. */
  readonly print: string;
}

/** What a server gave, before it is checked. */
export interface Given {
  readonly vectors: unknown;
  readonly tokens: unknown;
}

/** What a model is asked. */
export interface Question {
  /** What it is to do. */
  readonly system: string;
  /** What it is to do it with. */
  readonly text: string;
  /** Tokens of the answer, at most. */
  readonly most: number;
}

/** What a model said, before it is checked. */
export interface Said {
  readonly text: unknown;
  /** Tokens that were read and written. */
  readonly input: unknown;
  readonly output: unknown;
  /** What the agent says that it cost, in US dollars. */
  readonly cost?: unknown;
  /** Why it ended, in the words of its API. */
  readonly ended: unknown;
}
