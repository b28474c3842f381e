/**
 * Static vectors, in this process: a folder as model2vec writes it (tokenizer.json, model.safetensors), which the user has
 * downloaded. A text is the mean of the vectors of its tokens; no model runs. As in model2vec special tokens are not
 * added, the unknown token is left out where the tokenizer names one, and 512 tokens are read. Its scaling to length one is
 * left out: how near two are depends on directions alone.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import type { LocalModel } from "./endpoint.ts";
import { openTensors, type Tensor } from "./safetensors.ts";

const TOKENS = 512;
/** Of the numbers so many bytes are looked at to tell two models apart. */
const LOOKED_AT = 65_536;

/** Refused: MODEL_REFUSED where a file is missing, MODEL_GARBLED where it is not what it is named. */
export async function openStatic(folder: string): Promise<LocalModel> {
  const text = fileOf(folder, "tokenizer.json", (path) => readFileSync(path, "utf8"));
  const tensors = fileOf(folder, "model.safetensors", openTensors);
  const vectors = tensors.tensor("embeddings") ?? tensors.tensor("embedding.weight");
  const dimension = vectors?.shape[1];
  if (vectors === undefined || vectors.shape.length !== 2 || dimension === undefined || dimension < 1) throw garbled(folder, 'there is no table "embeddings" in model.safetensors');
  const { encode, unknown } = tokenizerOf(text, folder);
  const [weights, mapping] = ["weights", "mapping"].map((name) => whole(tensors.tensor(name)));
  const rows = rowsOf(vectors, dimension);

  const embedOne = (each: string): { vector: Float32Array; tokens: number } => {
    const vector = new Float32Array(dimension);
    let tokens = 0;
    for (const id of encode(each).filter((token) => token !== unknown).slice(0, TOKENS)) {
      const row = rows(mapping === undefined ? id : (mapping[id] ?? -1));
      if (row === undefined) continue;
      const weight = weights?.[id] ?? 1;
      for (let i = 0; i < dimension; i++) vector[i]! += row[i]! * weight;
      tokens += 1;
    }
    return { vector: vector.every(Number.isFinite) ? vector : new Float32Array(dimension), tokens };
  };
  return {
    dimension,
    print: sha256Hex(`${sha256Hex(text)} ${sha256Hex(tensors.header)} ${sha256Hex(tensors.beginning(LOOKED_AT))} ${tensors.size}`).slice(0, 8),
    embed: async (texts) => {
      const all = texts.map(embedOne);
      return { vectors: all.map(({ vector }) => vector), tokens: all.reduce((sum, { tokens }) => sum + tokens, 0) };
    },
  };
}

/** Rows that are kept, at most: words come again. */
const KEPT = 20_000;

function rowsOf(vectors: Tensor, dimension: number): (row: number) => Float32Array | undefined {
  const kept = new Map<number, Float32Array>();
  return (row) => {
    if (row < 0 || row >= vectors.shape[0]!) return undefined;
    const known = kept.get(row);
    if (known !== undefined) return known;
    const read = vectors.rows(row, 1).subarray(0, dimension);
    if (kept.size < KEPT) kept.set(row, read);
    return read;
  };
}

function whole(tensor: Tensor | undefined): Float32Array | undefined {
  return tensor?.rows(0, tensor.shape[0]!);
}

function tokenizerOf(text: string, folder: string): { encode: (text: string) => readonly number[]; unknown: number | undefined } {
  try {
    const told = JSON.parse(text) as { model?: unknown };
    const tokenizer = new Tokenizer(told, {});
    const name = isRecord(told.model) ? told.model["unk_token"] : undefined;
    return { encode: (each) => tokenizer.encode(each, { add_special_tokens: false }).ids, unknown: typeof name === "string" ? tokenizer.token_to_id(name) : undefined };
  } catch (error) {
    throw garbled(folder, `its tokenizer.json cannot be used (${(error as Error).message.slice(0, 120)})`, error);
  }
}

function fileOf<T>(folder: string, name: string, read: (path: string) => T): T {
  try {
    return read(join(folder, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof TidemarkError || code === undefined) throw error;
    throw new TidemarkError("MODEL_REFUSED", `There is no static model in ${folder}: ${name} cannot be read (${code})`, { cause: error, hint: "Name a folder with tokenizer.json and model.safetensors, as model2vec writes it." });
  }
}

function garbled(folder: string, why: string, cause?: unknown): TidemarkError {
  return new TidemarkError("MODEL_GARBLED", `The model in ${folder} cannot be used: ${why}`, { cause, hint: "Get the files of the model again, and name their folder." });
}
