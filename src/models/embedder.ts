/**
 * What an embedder is: texts in, vectors out, near where texts mean the like. Whoever has one passes it to recall; without
 * one everything works by words. Here the check of what one gives, and the choice of a client; the clients stand beside.
 */
import { TidemarkError } from "../base/errors.ts";
import { baseName } from "../base/text.ts";
import type { EmbedderKind, Endpoint, Given, LocalModel, LocalPlace } from "./endpoint.ts";
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

export type EmbedderPlace = Endpoint | LocalPlace;

/** By which vectors of two embedders are kept apart. */
export function nameOf(place: EmbedderPlace): string {
  return isLocalPlace(place) ? `${place.kind} ${baseName(place.model)} ${place.print}` : `${place.kind} ${place.model}`;
}

export function embedderAt(place: EmbedderPlace, dimension: number): Embedder {
  const embed = isLocalPlace(place) ? localEmbed(place) : async (texts: readonly string[], timeout: number) => checked(await ask(place, texts, timeout), texts.length, place, dimension);
  return { name: nameOf(place), dimension, embed };
}

function isLocalPlace(place: EmbedderPlace): place is LocalPlace {
  return place.kind === "static" || place.kind === "onnx";
}

/** Loaded when they are used: few commands ask one. */
const OPEN: Readonly<Record<LocalPlace["kind"], (folder: string) => Promise<LocalModel>>> = {
  static: async (folder) => (await import("./static.ts")).openStatic(folder),
  onnx: async (folder) => (await import("./onnx.ts")).openOnnx(folder),
};

/** What is in the folder, if it holds a model of this kind. Refused as by `openStatic` and `openOnnx`. */
export async function localPlace(kind: LocalPlace["kind"], folder: string): Promise<{ readonly place: LocalPlace; readonly dimension: number }> {
  const { print, dimension } = await OPEN[kind](folder);
  return { place: { kind, model: folder, print }, dimension };
}

function localEmbed({ kind, model, print }: LocalPlace): Embedder["embed"] {
  let opened: LocalModel | undefined;
  return async (texts) => {
    opened ??= await OPEN[kind](model);
    if (opened.print !== print) throw new TidemarkError("MODEL_GARBLED", `Another model lies in ${model} than the one that was named`, { hint: `tidemark embedder ${kind} ${model}` });
    return opened.embed(texts.map(readable));
  };
}

/** How many numbers its vectors have: one short text is embedded to find out. */
export async function dimensionOf(endpoint: Endpoint, timeout: number): Promise<number> {
  const { vectors } = checked(await ask(endpoint, ["dimension"], timeout), 1, endpoint);
  return vectors[0]!.length;
}

function ask(endpoint: Endpoint, texts: readonly string[], timeout: number): Promise<Given> {
  return VECTORS[endpoint.kind](endpoint, texts.map(readable), timeout);
}

function readable(text: string): string {
  return text.slice(0, READ).toWellFormed();
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
