/** Where a client finds an embedder, and what it brings back. Types alone. */

export type EmbedderKind = "ollama" | "openai";

export interface Endpoint {
  readonly kind: EmbedderKind;
  readonly model: string;
  /** Up to where the paths of the API begin. */
  readonly url: string;
  /** Sent to that address alone. */
  readonly key?: string;
}

/** What a server gave, before it is checked. */
export interface Given {
  readonly vectors: unknown;
  readonly tokens: unknown;
}
