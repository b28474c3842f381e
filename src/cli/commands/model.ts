/** `tidemark model`: the model that may propose memories, if the user names one, and what it has cost so far. */
import { TidemarkError } from "../../base/errors.ts";
import { isLocal } from "../../operations/model-address.ts";
import { endModel, MODEL_KINDS, nameModel, readModel, spending, USUAL_MODEL_URL, type ModelKind, type ModelSetting, type Price, type Spent } from "../../operations/model.ts";
import type { CommandSpec, Context, Input } from "../command.ts";
import { iso, when } from "../format.ts";
import { amount } from "../spent.ts";

export const command: CommandSpec = {
  args: "[kind] [model]",
  options: [
    { flags: "--url <address>", text: "where it is; else the usual one of its kind" },
    { flags: "--key-env <name>", text: "the environment variable that holds the key" },
    { flags: "--price <in/out>", text: "what a million tokens read and written cost, as 3/15, to be told what was spent" },
    { flags: "--off", text: "ask it no more" },
  ],
  help: `
Name a model that may propose memories

Off until you name one, and everything works without. Kinds: anthropic (the Messages API), openai (any server that speaks
that API), ollama (on this machine unless --url says otherwise), and agent: the agent's own "claude -p", with your account,
without hooks, tools and a transcript. Naming one asks it once.

It is asked by "tidemark memory extract --model" and "tidemark memory judge" and by nothing else; no hook ever does it. What
it proposes waits in "tidemark memory inbox" for you: it deletes nothing and changes nothing. What was said in a session is
sent to the address that you name, with known secrets taken out; what tools printed is not.

Without arguments: which one is named, and what was spent, by model and purpose.`,
  run: async (input, context) => {
    const [kind, model] = input.args;
    const off = input.options["off"] === true;
    if (kind !== undefined && off) throw new TidemarkError("BAD_VALUE", "A kind and --off are two things: give one of them", { hint: "tidemark model --help" });
    if (off) return end(context);
    if (kind !== undefined) return name(kind, model, input, context);
    return show(context);
  },
};

async function show({ terminal, home, store }: Context): Promise<number> {
  const setting = readModel(home);
  const spent = await spending(await store());
  terminal.answer({ model: setting ?? null, spent: spent.map(({ last, ...each }) => ({ ...each, last: iso(last) })) }, () => {
    if (setting === undefined) {
      terminal.line("No model is named: memories are found by rules alone. To name one, for example:");
      terminal.line("  tidemark model ollama MODEL");
    } else terminal.line(`${told(setting)}.`);
    if (spent.length === 0) return terminal.line("None was ever asked.");
    terminal.line();
    const dash = (value: number | undefined): string => (value === undefined ? "" : amount(value));
    terminal.table(
      [{ title: "model", flexible: true }, { title: "for" }, { title: "asked", align: "right" }, { title: "failed", align: "right" }, { title: "tokens read", align: "right" }, { title: "written", align: "right" }, { title: "cost", align: "right" }, { title: "last" }],
      spent.map(({ model, purpose, asked, failed, input, output, cost, last }: Spent) => [model, purpose, String(asked), String(failed), input.toLocaleString("en-US"), output.toLocaleString("en-US"), dash(cost), when(last)]),
    );
  });
  return 0;
}

function told({ kind, model, url, price }: ModelSetting): string {
  const where = kind === "agent" ? "the agent's own command line" : (url ?? "");
  return `${kind} ${model}, ${where}${price === undefined ? "" : `, ${price.input} and ${price.output} for a million tokens read and written`}`;
}

async function name(kind: string, model: string | undefined, { options }: Input, context: Context): Promise<number> {
  const { terminal, home, environment, now } = context;
  if (!isKind(kind)) throw new TidemarkError("BAD_VALUE", `"${kind}" is no kind of model: ${MODEL_KINDS.join(", ")}`, { hint: "tidemark model --help" });
  if (model === undefined || model === "" || model.startsWith("-")) throw new TidemarkError("BAD_VALUE", "Which model?", { hint: `tidemark model ${kind} MODEL` });
  const wanted = settingOf(kind, model, options);
  const setting = await nameModel(await context.store(), wanted, { home, environment, now, unique: String(process.pid) });
  if (kind === "agent") terminal.warn("What was said in sessions is given to the agent's own command line, which sends it to its vendor, known secrets taken out. tidemark model --off ends it.");
  else if (!isLocal(setting.url!)) terminal.warn(`What was said in the sessions you ask about is sent to ${new URL(setting.url!).host}, known secrets taken out. tidemark model --off ends it.`);
  terminal.answer({ model: setting }, () => {
    terminal.line(`${told(setting)}. It answered.`);
    terminal.line(terminal.style("dim", "What it would be asked about the last session here: tidemark memory extract --model --dry-run"));
  });
  return 0;
}

function isKind(kind: string): kind is ModelKind {
  return (MODEL_KINDS as readonly string[]).includes(kind);
}

function settingOf(kind: ModelKind, model: string, { url, keyEnv, price }: Input["options"]): ModelSetting {
  if (kind === "agent") {
    if (url !== undefined || keyEnv !== undefined || price !== undefined) throw new TidemarkError("BAD_VALUE", "The agent has its own address, key and price: it takes none of --url, --key-env and --price");
    return { kind, model };
  }
  return { kind, model, url: typeof url === "string" ? url : USUAL_MODEL_URL[kind], ...(typeof keyEnv === "string" ? { key_env: keyEnv } : {}), ...(price === undefined ? {} : { price: priceOf(String(price)) }) };
}

/** "3/15", or one number for both. */
function priceOf(text: string): Price {
  const parts = text.split("/").map((part) => (part.trim() === "" ? NaN : Number(part)));
  const [input, output = input] = parts;
  if (parts.length > 2 || input === undefined || !(input >= 0) || !(output! >= 0) || !Number.isFinite(input + output!)) throw new TidemarkError("BAD_VALUE", `--price takes two numbers as 3/15, not "${text}"`);
  return { input, output: output! };
}

async function end({ terminal, home }: Context): Promise<number> {
  endModel(home, String(process.pid));
  terminal.answer({ model: null }, () => terminal.line("No model is asked any more. What it proposed stays in the inbox."));
  return 0;
}
