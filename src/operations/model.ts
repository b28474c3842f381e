/**
 * The model that the user has named, in the settings of the state folder: naming it, which asks it once, letting it go,
 * asking it, and what was spent. Never named by a repository, and asked by commands alone, never by a hook. Each time it is
 * asked is an event (`model.asked`), also where it gave nothing. A key is not kept: the name of the variable that holds it is.
 */
import { asTidemarkError, TidemarkError, type ErrorCode } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import type { EventOf, Payload } from "../event/schema.ts";
import { modelAt, type Answered, type ModelPlace, type Question, type TextModel } from "../models/text-model.ts";
import type { Store } from "../store/store.ts";
import { addressOf, keyFrom, type Variables } from "./model-address.ts";
import { record } from "./record.ts";
import { readSettings, settingsFile, writeSettings } from "./settings.ts";

export const MODEL_KINDS = ["anthropic", "openai", "ollama", "agent"] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

/** For a million tokens read and written, in whatever the user pays in. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface ModelSetting {
  readonly kind: ModelKind;
  readonly model: string;
  /** Absent for the agent. */
  readonly url?: string;
  /** The variable that holds the key. */
  readonly key_env?: string;
  readonly price?: Price;
}

export const USUAL_MODEL_URL: Readonly<Record<Exclude<ModelKind, "agent">, string>> = { anthropic: "https://api.anthropic.com", openai: "https://api.openai.com/v1", ollama: "http://127.0.0.1:11434" };

/** Milliseconds that one question may take: a model on this machine is loaded first, and reads some hundred tokens a second. */
const PATIENCE = 180_000;

/** Undefined where none is named. */
export function readModel(home: string): ModelSetting | undefined {
  const { model } = readSettings(home);
  if (model === undefined) return undefined;
  if (!isSetting(model)) throw new TidemarkError("CONFIG_UNREADABLE", `"model" in ${settingsFile(home)} is not what tidemark model wrote there`, { hint: "tidemark model --off, then name it again" });
  return model;
}

function isSetting(value: unknown): value is ModelSetting {
  if (!isRecord(value)) return false;
  const { kind, model, url, key_env: name = "", price = { input: 0, output: 0 } } = value;
  const placed = kind === "agent" ? url === undefined : typeof url === "string" && URL.canParse(url);
  return MODEL_KINDS.some((each) => each === kind) && typeof model === "string" && placed && typeof name === "string" && isRecord(price) && typeof price["input"] === "number" && typeof price["output"] === "number";
}

/** Where a command finds the model, and what it needs to ask it. */
export interface Asker {
  readonly model: TextModel;
  readonly price: Price | undefined;
  readonly now: number;
}

export interface Around {
  readonly home: string;
  readonly environment: Variables;
  readonly now: number;
}

/** Refused: MODEL_NONE where none is named, MODEL_REFUSED where the variable with the key is empty. */
export function modelFor({ home, environment, now }: Around): Asker {
  const setting = readModel(home);
  if (setting === undefined) throw new TidemarkError("MODEL_NONE", "No model is named, so there is none to ask", { hint: "tidemark model --help" });
  return { model: modelAt(placeOf(setting, home, environment)), price: setting.price, now };
}

function placeOf({ kind, model, url, key_env: name }: ModelSetting, home: string, environment: Variables): ModelPlace {
  if (kind === "agent") return { kind, model, folder: home, environment };
  const key = keyFrom(name, environment, `${kind} ${model}`);
  return { kind, model, url: url ?? USUAL_MODEL_URL[kind], ...(key === undefined ? {} : { key }) };
}

const TRIAL: Question = { system: "You are asked whether you can be reached.", text: 'Answer with the one word "yes".', most: 200 };

/** Asks it once first: what does not answer is not named. */
export async function nameModel(store: Store, wanted: ModelSetting, { home, environment, now, unique }: Around & { readonly unique: string }): Promise<ModelSetting> {
  const setting: ModelSetting = wanted.url === undefined ? wanted : { ...wanted, url: addressOf(wanted.url, wanted.key_env !== undefined) };
  const asker = { model: modelAt(placeOf(setting, home, environment)), price: setting.price, now };
  await recordAsked(store, asker, { purpose: "trial" }, await ask(store, asker, TRIAL, { purpose: "trial" }));
  writeSettings(home, { model: setting }, unique);
  return setting;
}

export function endModel(home: string, unique: string): void {
  writeSettings(home, { model: undefined }, unique);
}

export type Asked = Payload<"model.asked">;
type About = Pick<Asked, "purpose" | "of">;

/** One question. What comes back is not recorded yet: what was made of it belongs to it (`recordAsked`). A failure is recorded here. */
export async function ask(store: Store, asker: Asker, question: Question, about: About): Promise<Answered> {
  try {
    return await asker.model.ask(question, PATIENCE);
  } catch (error) {
    const { code } = asTidemarkError(error);
    if (code.startsWith("MODEL_")) await put(store, asker, { ...about, model: asker.model.name, outcome: "failed", why: code });
    throw error;
  }
}

/** That it was asked, what it took, and what came of it. Gives the cost, where it is known. */
export async function recordAsked(store: Store, asker: Asker, about: About & Pick<Asked, "made" | "verdicts" | "upto"> & { readonly why?: ErrorCode }, answered: Answered): Promise<number | undefined> {
  const cost = answered.cost ?? costOf(answered, asker.price);
  const { input, output } = answered;
  await put(store, asker, { ...about, model: asker.model.name, outcome: about.why === undefined ? "answered" : "garbled", ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }), ...(cost === undefined ? {} : { cost }) });
  return cost;
}

/** What so many tokens cost, where the user has said what a million does. */
export function costOf({ input = 0, output = 0 }: { readonly input: number | undefined; readonly output: number | undefined }, price: Price | undefined): number | undefined {
  return price === undefined ? undefined : (input * price.input + output * price.output) / 1_000_000;
}

/** All of them are kept under one name, so that what was spent is read without going through the log. */
const SESSION = "model:asked";

async function put(store: Store, { now }: Asker, payload: Asked): Promise<void> {
  // The same may be asked twice in one millisecond.
  const { position } = await store.head();
  await record(store, [{ id: `asked:${sha256Hex(JSON.stringify([now, position, payload])).slice(0, 16)}`, time: now, type: "model.asked", session: SESSION, agent: "tidemark", payload }]);
}

/** Every time a model was asked, in order. */
export async function timesAsked(store: Store): Promise<EventOf<"model.asked">[]> {
  return (await store.ofTypes(["model.asked"], [SESSION])).filter(({ erased }) => !erased).map(({ event }) => event as EventOf<"model.asked">);
}

export interface Spent {
  readonly model: string;
  readonly purpose: Asked["purpose"];
  readonly asked: number;
  /** Of these, times it gave nothing that could be used. */
  readonly failed: number;
  readonly input: number;
  readonly output: number;
  /** Undefined where it is known of none of them. */
  readonly cost?: number;
  readonly last: number;
}

/** By model and purpose, in the order in which they were first asked. */
export async function spending(store: Store): Promise<Spent[]> {
  const found = new Map<string, Spent>();
  for (const { time, payload } of await timesAsked(store)) {
    const { model, purpose, input = 0, output = 0, cost, outcome } = payload;
    const before = found.get(`${model}\n${purpose}`);
    const known = [before?.cost, cost].filter((each) => each !== undefined);
    found.set(`${model}\n${purpose}`, {
      model, purpose, asked: (before?.asked ?? 0) + 1, failed: (before?.failed ?? 0) + (outcome === "answered" ? 0 : 1),
      input: (before?.input ?? 0) + input, output: (before?.output ?? 0) + output, last: time,
      ...(known.length === 0 ? {} : { cost: known.reduce((sum, each) => sum + each, 0) }),
    });
  }
  return [...found.values()];
}
