/**
 * What an embedder is: texts in, vectors out, near where texts mean the like. Whoever has one passes it to recall; without
 * one everything works by words. Here the check of what one gives, and the choice of a client; the clients stand beside.
 */
import { TidemarkError } from "../base/errors.ts";
import type { EmbedderKind, Endpoint, Given } from "./endpoint.ts";
import { ollamaVectors } from "./ollama.ts";
import { openaiVectors } from "./openai.ts";

export interface Embedded {
  /** One for each text, in their order. */
  readonly vectors: readonly Float32Array[];
  /** As the embedder counts them; 0 where it does not say. */
  readonly tokens: number;
}

export interface Embedder {
  /** Kind and model: vectors of two names are never compared. */
  readonly name: string;
  /** Numbers in a vector. */
  readonly dimension: number;
  /** At most `BATCH` texts. `timeout` in milliseconds. Refused: MODEL_DOWN, MODEL_REFUSED, MODEL_GARBLED. */
  embed(texts: readonly string[], timeout: number): Promise<Embedded>;
}

/** Texts in one request. */
export const BATCH = 32;
/** Characters of a text that are sent: small models read about 512 tokens, and some refuse more. */
const READ = 2000;

const VECTORS: Readonly<Record<EmbedderKind, (endpoint: Endpoint, texts: readonly string[], timeout: number) => Promise<Given>>> = { ollama: ollamaVectors, openai: openaiVectors };

export function embedderAt(endpoint: Endpoint, dimension: number): Embedder {
  return { name: `${endpoint.kind} ${endpoint.model}`, dimension, embed: async (texts, timeout) => checked(await ask(endpoint, texts, timeout), texts.length, endpoint, dimension) };
}

/** How many numbers its vectors have: one short text is embedded to find out. */
export async function dimensionOf(endpoint: Endpoint, timeout: number): Promise<number> {
  const { vectors } = checked(await ask(endpoint, ["dimension"], timeout), 1, endpoint);
  return vectors[0]!.length;
}

function ask(endpoint: Endpoint, texts: readonly string[], timeout: number): Promise<Given> {
  return VECTORS[endpoint.kind](endpoint, texts.map((text) => text.slice(0, READ).toWellFormed()), timeout);
}

/** As many as texts, all of one length, of finite numbers that are not all zero. */
function checked({ vectors, tokens }: Given, count: number, { kind, model }: Endpoint, dimension?: number): Embedded {
  const garbled = (what: string): TidemarkError => new TidemarkError("MODEL_GARBLED", `${kind} ${model} gave ${what}`);
  if (!Array.isArray(vectors) || vectors.length !== count) throw garbled(`${Array.isArray(vectors) ? vectors.length : "no"} vectors for ${count} texts`);
  // Not `map`, which would pass over a place that was never filled.
  const read = Array.from(vectors, (vector: unknown) => {
    if (!Array.isArray(vector) || vector.length === 0 || !vector.every((each) => typeof each === "number" && Number.isFinite(each)) || vector.every((each) => each === 0)) throw garbled("something that is no vector");
    return Float32Array.from(vector as number[]);
  });
  const wanted = dimension ?? read[0]!.length;
  const other = read.find(({ length }) => length !== wanted);
  if (other !== undefined) throw new TidemarkError("MODEL_GARBLED", `${kind} ${model} gave vectors of ${other.length} numbers where ${wanted} were expected`, { hint: "The model behind the name has changed: name it again with tidemark embedder." });
  return { vectors: read, tokens: typeof tokens === "number" && Number.isFinite(tokens) && tokens >= 0 ? tokens : 0 };
}
