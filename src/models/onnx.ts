/**
 * An embedding model that runs in this process: a folder in the layout of transformers.js (tokenizer.json, config.json,
 * onnx/model.onnx), which the user has downloaded. It runs in @huggingface/transformers, which is some 470 MB with its native
 * parts: nobody gets it with Tidemark, and who wants it installs it beside. It is told to fetch nothing.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import type { LocalModel } from "./endpoint.ts";

/** As much of the package as is used. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean };
  pipeline(task: "feature-extraction", folder: string, options: { readonly local_files_only: true; readonly dtype: "fp32" | "q8" }): Promise<(texts: readonly string[], options: { readonly pooling: "mean" | "cls" }) => Promise<{ readonly dims: readonly number[]; readonly data: Float32Array }>>;
}

const PACKAGE = "@huggingface/transformers";
/** Bytes of the model that are looked at to tell two apart. */
const LOOKED_AT = 65_536;
/** Texts that are run together: longer rows cost memory. */
const TOGETHER = 8;

/** Refused: MODEL_REFUSED where the package or a file is missing, MODEL_GARBLED where it cannot be run. */
export async function openOnnx(folder: string): Promise<LocalModel> {
  const file = [join(folder, "onnx/model.onnx"), join(folder, "onnx/model_quantized.onnx")].find((path) => existsSync(path));
  const missing = file === undefined ? "onnx/model.onnx" : ["tokenizer.json", "config.json"].find((name) => !existsSync(join(folder, name)));
  if (file === undefined || missing !== undefined) throw new TidemarkError("MODEL_REFUSED", `There is no model for transformers.js in ${folder}: ${missing} is not there`, { hint: "Name a folder with config.json, tokenizer.json and onnx/model.onnx." });
  const print = printOf(folder, file);
  const { env, pipeline } = transformers();
  env.allowRemoteModels = false;
  const pooling = poolingOf(folder);
  const run = async <T>(what: () => Promise<T>): Promise<T> => {
    try {
      return await what();
    } catch (error) {
      throw new TidemarkError("MODEL_GARBLED", `The model in ${folder} cannot be run: ${(error as Error).message.replace(/\s+/g, " ").slice(0, 200)}`, { cause: error, hint: "Get the files of the model again, and name their folder." });
    }
  };
  const extract = await run(() => pipeline("feature-extraction", folder, { local_files_only: true, dtype: file.endsWith("_quantized.onnx") ? "q8" : "fp32" }));
  const embed = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const { dims, data } = await run(() => extract(texts, { pooling }));
    const dimension = dims[1];
    if (dims.length !== 2 || dims[0] !== texts.length || dimension === undefined || dimension < 1 || data.length !== texts.length * dimension) throw new TidemarkError("MODEL_GARBLED", `The model in ${folder} gives something else than vectors`);
    // What is not finite is near to nothing.
    return texts.map((_, i) => data.slice(i * dimension, (i + 1) * dimension)).map((vector) => (vector.every(Number.isFinite) ? vector : new Float32Array(dimension)));
  };
  const [first] = await embed(["dimension"]);
  return {
    dimension: first!.length, print,
    embed: async (texts) => {
      const vectors: Float32Array[] = [];
      for (let at = 0; at < texts.length; at += TOGETHER) vectors.push(...(await embed(texts.slice(at, at + TOGETHER))));
      return { vectors, tokens: 0 };
    },
  };
}

function transformers(): Transformers {
  try {
    return createRequire(import.meta.url)(PACKAGE) as Transformers;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const absent = code === "MODULE_NOT_FOUND" && message.includes(PACKAGE);
    throw new TidemarkError("MODEL_REFUSED", absent ? `ONNX models run in ${PACKAGE}, which is not installed` : `${PACKAGE} cannot be loaded: ${message.slice(0, 200)}`, { cause: error, hint: `npm install ${PACKAGE}, where Tidemark is installed (--global, if that is); or name static vectors or a server of Ollama.` });
  }
}

/** As its makers say: those of a sentence's first token, or the mean of all. */
function poolingOf(folder: string): "mean" | "cls" {
  const path = join(folder, "1_Pooling/config.json");
  if (!existsSync(path)) return "mean";
  const told: unknown = JSON.parse(readFileSync(path, "utf8"));
  return isRecord(told) && told["pooling_mode_cls_token"] === true ? "cls" : "mean";
}

function printOf(folder: string, file: string): string {
  const handle = openSync(file, "r");
  try {
    const beginning = Buffer.alloc(LOOKED_AT);
    const read = readSync(handle, beginning, 0, LOOKED_AT, 0);
    return sha256Hex(readFileSync(join(folder, "tokenizer.json")), `${fstatSync(handle).size}\n`, beginning.subarray(0, read)).slice(0, 8);
  } finally {
    closeSync(handle);
  }
}
