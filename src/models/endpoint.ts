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

/** Static vectors, or a model that runs in this process, in a folder on this machine. */
export interface LocalPlace {
  readonly kind: "static" | "onnx";
  /** Its whole path. */
  readonly model: string;
  /** Tells the model from another one in the same folder. */
  readonly print: string;
}

/** What lies in such a folder, opened. */
export interface LocalModel {
  readonly dimension: number;
  readonly print: string;
  /** Zeroes for a text that it can make nothing of: it is near to nothing. `tokens`: 0 where it does not count them. */
  embed(texts: readonly string[]): Promise<{ readonly vectors: readonly Float32Array[]; readonly tokens: number }>;
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
