/** `tidemark embedder`: the embedder that recall asks beside words, if the user names one. */
import { resolve } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { plural } from "../../base/text.ts";
import { costOf, embedderName, embedderOf, endEmbedder, isLocalSetting, nameEmbedder, readEmbedder, USUAL_URL, type EmbedderSetting } from "../../operations/embedder.ts";
import { embedPassages, spaceOf, type Embedding } from "../../operations/meaning.ts";
import { isLocal } from "../../operations/model-address.ts";
import { takeInPassages } from "../../operations/passages.ts";
import type { CommandSpec, Context, Input } from "../command.ts";

export const command: CommandSpec = {
  args: "[kind] [model]",
  options: [
    { flags: "--url <address>", text: "where it is; else the usual one of its kind" },
    { flags: "--key-env <name>", text: "the environment variable that holds the key" },
    { flags: "--price <amount>", text: "what a million tokens cost, to be told what was spent" },
    { flags: "--fill", text: "make vectors for all that was said and has none yet" },
    { flags: "--off", text: "ask it no more, and drop its vectors" },
  ],
  help: `
Name an embedder that recall asks beside words

Off until you name one, and everything works without. With one, recall also finds what says the same in other words. Kinds:
ollama (a server of Ollama, on this machine unless --url says otherwise), openai (any server that speaks that API), static (a
folder with static vectors as model2vec writes it) and onnx (a folder with a model for transformers.js, which you install
yourself: npm install @huggingface/transformers). The last two run in this process, and nothing leaves the machine.

What was said in sessions and what you ask of recall is sent to the address that you name, with known secrets taken out; no
hook ever does. Vectors are kept in the store, a byte for each number. recall makes those that are missing for a second at
most; --fill makes all of them. Whatever fails, recall answers by words and says so.`,
  run: async (input, context) => {
    const [kind, model] = input.args;
    const { off, fill } = input.options;
    if ([kind !== undefined, off === true, fill === true].filter(Boolean).length > 1) throw new TidemarkError("BAD_VALUE", "A kind, --fill and --off are three things: give one of them", { hint: "tidemark embedder --help" });
    if (off === true) return end(context);
    if (fill === true) return fillUp(context);
    if (kind !== undefined) return name(kind, model, input, context);
    return show(context);
  },
};

async function show(context: Context): Promise<number> {
  const setting = readEmbedder(context.home);
  if (setting === undefined) {
    context.terminal.answer({ embedder: null }, () => {
      context.terminal.line("No embedder is named: recall goes by words. To name one, for example:");
      context.terminal.line("  tidemark embedder ollama MODEL");
    });
    return 0;
  }
  const { left } = await (await context.store()).withoutVector(spaceOf({ name: embedderName(setting), dimension: setting.dimension }), 1);
  context.terminal.answer({ embedder: setting, left }, () => {
    context.terminal.line(`${told(setting)}.`);
    context.terminal.line(left === 0 ? "All that was taken in has a vector." : `${plural(left, "passage")} without a vector; tidemark embedder --fill makes them.`);
  });
  return 0;
}

function told(setting: EmbedderSetting): string {
  const { kind, model, dimension } = setting;
  return `${isLocalSetting(setting) ? `${kind === "static" ? "the static vectors" : "the ONNX model"} in ${model}` : `${kind} ${model} at ${setting.url}`}, ${plural(dimension, "number")} for each text`;
}

async function name(kind: string, model: string | undefined, { options }: Input, context: Context): Promise<number> {
  if (kind !== "ollama" && kind !== "openai" && kind !== "static" && kind !== "onnx") throw new TidemarkError("BAD_VALUE", `"${kind}" is no kind of embedder: ollama, openai, static or onnx`, { hint: "tidemark embedder --help" });
  const local = kind === "static" || kind === "onnx";
  if (model === undefined || model === "") throw new TidemarkError("BAD_VALUE", "Which model?", { hint: `tidemark embedder ${kind} ${local ? "FOLDER" : "MODEL"}` });
  const { url, keyEnv, price } = options;
  if (local && (url !== undefined || keyEnv !== undefined || price !== undefined)) throw new TidemarkError("BAD_VALUE", "What lies in a folder takes none of --url, --key-env and --price");
  if (price !== undefined && !(Number(price) >= 0)) throw new TidemarkError("BAD_VALUE", `--price takes a number, not "${String(price)}"`);
  const wanted = local ? ({ kind, model: resolve(context.cwd, model) } as const) : { kind, model, url: typeof url === "string" ? url : USUAL_URL[kind], ...(typeof keyEnv === "string" ? { key_env: keyEnv } : {}), ...(price === undefined ? {} : { price: Number(price) }) } as const;
  const setting = await nameEmbedder(await context.store(), wanted, { home: context.home, environment: context.environment, unique: String(process.pid) });
  if (!isLocalSetting(setting) && !isLocal(setting.url)) context.terminal.warn(`What was said in sessions and what you ask is sent to ${new URL(setting.url).host}, known secrets taken out. tidemark embedder --off ends it.`);
  context.terminal.answer({ embedder: setting }, () => {
    context.terminal.line(`recall asks ${told(setting)}.`);
    context.terminal.line(context.terminal.style("dim", "Vectors for all that was said: tidemark embedder --fill"));
  });
  return 0;
}

/** Milliseconds that one request may take, and for how long at a time it goes on before it says how far it is. */
const REQUEST = 60_000;

async function fillUp({ terminal, home, environment, caughtUp }: Context): Promise<number> {
  const setting = readEmbedder(home);
  if (setting === undefined) throw new TidemarkError("MODEL_NONE", "No embedder is named, so there is nothing to make vectors with");
  const embedder = embedderOf(setting, environment);
  const store = await caughtUp();
  await takeInPassages(store);
  const { left: all } = await store.withoutVector(spaceOf(embedder), 1);
  const done = await embedPassages(store, embedder, { ms: Infinity, clock: () => performance.now(), timeout: REQUEST, progress: (left) => terminal.progress("vectors", all - left, all) });
  const cost = isLocalSetting(setting) ? undefined : costOf(done.tokens, setting.price);
  terminal.answer({ ...done, ...(cost === undefined ? {} : { cost }) }, () => terminal.line(spent(done, cost)));
  return 0;
}

function spent({ texts, tokens }: Embedding, cost: number | undefined): string {
  if (texts === 0) return "All that was said has a vector already.";
  return `${plural(texts, "text")} embedded, ${plural(tokens, "token")}${cost === undefined ? "" : `, ${cost.toPrecision(2)} at your price`}.`;
}

async function end({ terminal, home, store }: Context): Promise<number> {
  await endEmbedder(await store(), home, String(process.pid));
  terminal.answer({ embedder: null }, () => terminal.line("recall goes by words alone; the vectors are dropped."));
  return 0;
}
