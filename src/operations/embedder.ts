/**
 * The embedder that the user has named, in the settings of the state folder: naming it, which asks it once, and letting it go.
 * Never named by a repository. A key is not kept: the name of the variable that holds it is.
 */
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { dimensionOf, embedderAt, localPlace, nameOf, type Embedder, type EmbedderPlace } from "../models/embedder.ts";
import type { EmbedderKind, Endpoint } from "../models/endpoint.ts";
import type { Store } from "../store/store.ts";
import { addressOf, keyFrom, type Variables } from "./model-address.ts";
import { readSettings, settingsFile, writeSettings } from "./settings.ts";

interface ServerSetting {
  readonly kind: EmbedderKind;
  readonly model: string;
  readonly url: string;
  readonly dimension: number;
  /** The variable that holds the key. */
  readonly key_env?: string;
  /** For a million tokens, in whatever the user pays in. */
  readonly price?: number;
}

interface LocalSetting {
  readonly kind: "static" | "onnx";
  /** A folder. */
  readonly model: string;
  readonly print: string;
  readonly dimension: number;
}

export type EmbedderSetting = ServerSetting | LocalSetting;

export const USUAL_URL: Readonly<Record<EmbedderKind, string>> = { ollama: "http://127.0.0.1:11434", openai: "https://api.openai.com/v1" };

/** Milliseconds for the first request: a model is loaded at it. */
const FIRST = 60_000;

/** Undefined where none is named. */
export function readEmbedder(home: string): EmbedderSetting | undefined {
  const { embedder } = readSettings(home);
  if (embedder === undefined) return undefined;
  if (!isSetting(embedder)) throw new TidemarkError("CONFIG_UNREADABLE", `"embedder" in ${settingsFile(home)} is not what tidemark embedder wrote there`, { hint: "tidemark embedder --off, then name it again" });
  return embedder;
}

function isSetting(value: unknown): value is EmbedderSetting {
  if (!isRecord(value)) return false;
  const { kind, model, url, print, dimension, key_env: name = "", price = 0 } = value;
  if (kind === "static" || kind === "onnx") return typeof model === "string" && typeof print === "string" && Number.isInteger(dimension);
  return (kind === "ollama" || kind === "openai") && typeof model === "string" && typeof url === "string" && URL.canParse(url) && Number.isInteger(dimension) && typeof name === "string" && typeof price === "number";
}

/** Refused: MODEL_REFUSED where the variable with the key is empty. */
export function embedderOf(setting: EmbedderSetting, environment: Variables): Embedder {
  return embedderAt(placeOf(setting, environment), setting.dimension);
}

/** By which its vectors are known, without asking it. */
export function embedderName(setting: EmbedderSetting): string {
  return nameOf(setting);
}

export interface Naming {
  readonly home: string;
  readonly environment: Variables;
  /** Tells this write from others at the same time. */
  readonly unique: string;
}

/** Asks it for one vector first: what does not answer is not named. Vectors of another are dropped. */
export async function nameEmbedder(store: Store, wanted: Omit<ServerSetting, "dimension"> | Pick<LocalSetting, "kind" | "model">, { home, environment, unique }: Naming): Promise<EmbedderSetting> {
  const setting = isLocalSetting(wanted) ? await localSetting(wanted) : await serverSetting(wanted, environment);
  // A model that was replaced behind its name gives other vectors: naming it again begins anew.
  await store.dropVectors();
  writeSettings(home, { embedder: setting }, unique);
  return setting;
}

/** Whether it is in this process; else it is a server's. */
export function isLocalSetting<T extends { readonly kind: string }>(setting: T): setting is Extract<T, { readonly kind: "static" | "onnx" }> {
  return setting.kind === "static" || setting.kind === "onnx";
}

async function localSetting({ kind, model }: Pick<LocalSetting, "kind" | "model">): Promise<LocalSetting> {
  const { place, dimension } = await localPlace(kind, model);
  return { ...place, dimension };
}

async function serverSetting(wanted: Omit<ServerSetting, "dimension">, environment: Variables): Promise<ServerSetting> {
  const url = addressOf(wanted.url, wanted.key_env !== undefined);
  return { ...wanted, url, dimension: await dimensionOf(endpointOf({ ...wanted, url }, environment), FIRST) };
}

export async function endEmbedder(store: Store, home: string, unique: string): Promise<void> {
  writeSettings(home, { embedder: undefined }, unique);
  await store.dropVectors();
}

/** What so many tokens cost, where the user has said what a million does. */
export function costOf(tokens: number, price: number | undefined): number | undefined {
  return price === undefined ? undefined : (tokens * price) / 1_000_000;
}

function placeOf(setting: EmbedderSetting, environment: Variables): EmbedderPlace {
  return isLocalSetting(setting) ? setting : endpointOf(setting, environment);
}

function endpointOf({ kind, model, url, key_env: name }: Omit<ServerSetting, "dimension">, environment: Variables): Endpoint {
  const key = keyFrom(name, environment, `${kind} ${model}`);
  return { kind, model, url, ...(key === undefined ? {} : { key }) };
}
