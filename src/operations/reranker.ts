/**
 * The re-ranker that the user has named, in the settings of the state folder, and what it does to an answer: the passages
 * that were found are put in its order. What it cannot do leaves them as they are, and is told once.
 */
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { redactText } from "../event/redact.ts";
import { RERANKER_KINDS, rerankerAt, type Reranker, type RerankerKind, type RerankerPlace } from "../models/reranker.ts";
import { addressOf, keyFrom, type Variables } from "./model-address.ts";
import { readSettings, settingsFile, writeSettings } from "./settings.ts";

export { RERANKER_KINDS, type RerankerKind };

export interface RerankerSetting {
  readonly kind: RerankerKind;
  /** As its server knows it; a server of text-embeddings-inference has only one. */
  readonly model: string;
  readonly url: string;
  /** The variable that holds the key. */
  readonly key_env?: string;
}

export const USUAL_RERANKER_URL: Readonly<Record<RerankerKind, string>> = { cohere: "https://api.cohere.com/v2", tei: "http://127.0.0.1:8080" };

/** Milliseconds for the first request, at which a model is loaded, and for one before an answer. */
const FIRST = 60_000;
const TIMEOUT = 3000;

/** Undefined where none is named. */
export function readReranker(home: string): RerankerSetting | undefined {
  const { reranker } = readSettings(home);
  if (reranker === undefined) return undefined;
  if (!isSetting(reranker)) throw new TidemarkError("CONFIG_UNREADABLE", `"reranker" in ${settingsFile(home)} is not what tidemark reranker wrote there`, { hint: "tidemark reranker --off, then name it again" });
  return reranker;
}

function isSetting(value: unknown): value is RerankerSetting {
  if (!isRecord(value)) return false;
  const { kind, model, url, key_env: name = "" } = value;
  return RERANKER_KINDS.some((each) => each === kind) && typeof model === "string" && typeof url === "string" && URL.canParse(url) && typeof name === "string";
}

/** Refused: MODEL_REFUSED where the variable with the key is empty. */
export function rerankerOf(setting: RerankerSetting, environment: Variables): Reranker {
  const { kind, model, url, key_env: name } = setting;
  const key = keyFrom(name, environment, `${kind} ${model}`);
  const place: RerankerPlace = { kind, model, url, ...(key === undefined ? {} : { key }) };
  return rerankerAt(place);
}

/** Asks it once first: what does not answer is not named. */
export async function nameReranker(wanted: RerankerSetting, { home, environment, unique }: { readonly home: string; readonly environment: Variables; readonly unique: string }): Promise<RerankerSetting> {
  const setting = { ...wanted, url: addressOf(wanted.url, wanted.key_env !== undefined) };
  await rerankerOf(setting, environment).rank("Which is a colour?", ["Green", "Monday"], FIRST);
  writeSettings(home, { reranker: setting }, unique);
  return setting;
}

export function endReranker(home: string, unique: string): void {
  writeSettings(home, { reranker: undefined }, unique);
}

export interface Reranked<P> {
  readonly passages: P[];
  /** Said of how they were found. */
  readonly path: string;
  readonly warnings: readonly string[];
  /** Texts that were sent. */
  readonly texts: number;
}

/** The scores stay and the passages move: the best of the re-ranker has the best score, so that they compare with whatever else is recalled. */
export async function reranked<P extends { readonly text: string; readonly score: number }>(question: string, passages: readonly P[], reranker: Reranker): Promise<Reranked<P>> {
  const asFound = [...passages];
  if (passages.length < 2) return { passages: asFound, path: "", warnings: [], texts: 0 };
  try {
    const ranks = await reranker.rank(redactText(question).text, passages.map(({ text }) => text), TIMEOUT);
    const scores = passages.map(({ score }) => score).sort((a, b) => b - a);
    const order = passages.map((passage, i) => ({ passage, rank: ranks[i]!, i })).sort((a, b) => b.rank - a.rank || a.i - b.i);
    return { passages: order.map(({ passage }, i) => ({ ...passage, score: scores[i]! })), path: `; in the order of ${reranker.name}`, warnings: [], texts: passages.length };
  } catch (error) {
    const known = asTidemarkError(error);
    if (!known.code.startsWith("MODEL_")) throw error;
    return { passages: asFound, path: "", warnings: [`In the order in which they were found: ${known.message}`], texts: 0 };
  }
}
