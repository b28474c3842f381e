/**
 * The embedder that the user has named, in the settings of the state folder: naming it, which asks it once, and letting it go.
 * Never named by a repository. A key is not kept: the name of the variable that holds it is.
 */
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { dimensionOf, embedderAt, type Embedder } from "../models/embedder.ts";
import type { EmbedderKind, Endpoint } from "../models/endpoint.ts";
import type { Store } from "../store/store.ts";
import { addressOf, keyFrom, type Variables } from "./model-address.ts";
import { readSettings, settingsFile, writeSettings } from "./settings.ts";

export interface EmbedderSetting {
  readonly kind: EmbedderKind;
  readonly model: string;
  readonly url: string;
  readonly dimension: number;
  /** The variable that holds the key. */
  readonly key_env?: string;
  /** For a million tokens, in whatever the user pays in. */
  readonly price?: number;
}

export const USUAL_URL: Readonly<Record<EmbedderSetting["kind"], string>> = { ollama: "http://127.0.0.1:11434", openai: "https://api.openai.com/v1" };

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
  const { kind, model, url, dimension, key_env: name = "", price = 0 } = value;
  return (kind === "ollama" || kind === "openai") && typeof model === "string" && typeof url === "string" && URL.canParse(url) && Number.isInteger(dimension) && typeof name === "string" && typeof price === "number";
}

/** Refused: MODEL_REFUSED where the variable with the key is empty. */
export function embedderOf(setting: EmbedderSetting, environment: Variables): Embedder {
  return embedderAt(endpointOf(setting, environment), setting.dimension);
}

export interface Naming {
  readonly home: string;
  readonly environment: Variables;
  /** Tells this write from others at the same time. */
  readonly unique: string;
}

/** Asks it for one vector first: what does not answer is not named. Vectors of another are dropped. */
export async function nameEmbedder(store: Store, wanted: Omit<EmbedderSetting, "dimension">, { home, environment, unique }: Naming): Promise<EmbedderSetting> {
  const url = addressOf(wanted.url, wanted.key_env !== undefined);
  const dimension = await dimensionOf(endpointOf({ ...wanted, url }, environment), FIRST);
  const setting = { ...wanted, url, dimension };
  // A model that was replaced behind its name gives other vectors: naming it again begins anew.
  await store.dropVectors();
  writeSettings(home, { embedder: setting }, unique);
  return setting;
}

export async function endEmbedder(store: Store, home: string, unique: string): Promise<void> {
  writeSettings(home, { embedder: undefined }, unique);
  await store.dropVectors();
}

/** What so many tokens cost, where the user has said what a million does. */
export function costOf(tokens: number, price: number | undefined): number | undefined {
  return price === undefined ? undefined : (tokens * price) / 1_000_000;
}

function endpointOf({ kind, model, url, key_env: name }: Omit<EmbedderSetting, "dimension">, environment: Variables): Endpoint {
  const key = keyFrom(name, environment, `${kind} ${model}`);
  return { kind, model, url, ...(key === undefined ? {} : { key }) };
}
