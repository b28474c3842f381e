/** `tidemark reranker`: what puts the passages that recall finds into a better order, if the user names one. */
import { TidemarkError } from "../../base/errors.ts";
import { isLocal } from "../../operations/model-address.ts";
import { endReranker, nameReranker, readReranker, RERANKER_KINDS, USUAL_RERANKER_URL, type RerankerKind, type RerankerSetting } from "../../operations/reranker.ts";
import type { CommandSpec, Context, Input } from "../command.ts";

export const command: CommandSpec = {
  args: "[kind] [model]",
  options: [
    { flags: "--url <address>", text: "where it is; else the usual one of its kind" },
    { flags: "--key-env <name>", text: "the environment variable that holds the key" },
    { flags: "--off", text: "ask it no more" },
  ],
  help: `
Name a re-ranker for what recall finds

Off until you name one. With one, recall looks at more passages and gives them in its order. Kinds: cohere (any server that
speaks that API, as Jina, vLLM and llama.cpp do) and tei (Hugging Face's text-embeddings-inference, on this machine unless
--url says otherwise). Naming one asks it once.

What you ask of recall and the passages it found are sent to the address that you name, with known secrets taken out; no hook
ever does it. Whatever fails, recall keeps its own order and says so.`,
  run: async ({ args: [kind, model], options }, context) => {
    const off = options["off"] === true;
    if (kind !== undefined && off) throw new TidemarkError("BAD_VALUE", "A kind and --off are two things: give one of them", { hint: "tidemark reranker --help" });
    if (off) {
      endReranker(context.home, String(process.pid));
      context.terminal.answer({ reranker: null }, () => context.terminal.line("recall keeps its own order."));
      return 0;
    }
    return kind === undefined ? show(context) : name(kind, model, options, context);
  },
};

function show({ terminal, home }: Context): number {
  const setting = readReranker(home);
  terminal.answer({ reranker: setting ?? null }, () => {
    if (setting !== undefined) return terminal.line(`${told(setting)}.`);
    terminal.line("No re-ranker is named: recall keeps its own order. To name one, for example:");
    terminal.line("  tidemark reranker tei --url http://127.0.0.1:8080");
  });
  return 0;
}

function told({ kind, model, url }: RerankerSetting): string {
  return `${kind} ${model} at ${url}`;
}

async function name(kind: string, model: string | undefined, { url, keyEnv }: Input["options"], { terminal, home, environment }: Context): Promise<number> {
  if (!isKind(kind)) throw new TidemarkError("BAD_VALUE", `"${kind}" is no kind of re-ranker: ${RERANKER_KINDS.join(" or ")}`, { hint: "tidemark reranker --help" });
  if (kind === "cohere" && (model === undefined || model === "")) throw new TidemarkError("BAD_VALUE", "Which model?", { hint: "tidemark reranker cohere MODEL" });
  const wanted = { kind, model: model ?? "server", url: typeof url === "string" ? url : USUAL_RERANKER_URL[kind], ...(typeof keyEnv === "string" ? { key_env: keyEnv } : {}) };
  const setting = await nameReranker(wanted, { home, environment, unique: String(process.pid) });
  if (!isLocal(setting.url)) terminal.warn(`What you ask of recall and the passages it finds are sent to ${new URL(setting.url).host}, known secrets taken out. tidemark reranker --off ends it.`);
  terminal.answer({ reranker: setting }, () => terminal.line(`recall gives passages in the order of ${told(setting)}.`));
  return 0;
}

function isKind(kind: string): kind is RerankerKind {
  return (RERANKER_KINDS as readonly string[]).includes(kind);
}
