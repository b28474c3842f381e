/** What `tidemark memory` does with a model: asking it about a session, and about pairs of memories. Each says first, with --dry-run, what would be sent. */
import { TidemarkError } from "../base/errors.ts";
import { clip, plural } from "../base/text.ts";
import type { Memory } from "../memory/model.ts";
import { judge, planJudging } from "../operations/judge.ts";
import { memories } from "../operations/memories.ts";
import { isLocal } from "../operations/model-address.ts";
import { modelFor, readModel, type Price } from "../operations/model.ts";
import { nextToRead, planProposals, propose, questionOf, type Planned, type Proposed } from "../operations/propose.ts";
import { check, type Here } from "../operations/recall-memories.ts";
import type { Context, Input } from "./command.ts";
import { memoryJson, sayMemory } from "./memories.ts";
import { count } from "./options.ts";
import { amount, tookWords } from "./spent.ts";

export async function proposeFrom({ args, options }: Input, context: Context, here: Here): Promise<number> {
  const { terminal, home, environment, now, store } = context;
  const opened = await store();
  const price = priceOf(context);
  const wanted = args[0] ?? (await nextToRead(opened, here.project));
  if (wanted === undefined) {
    terminal.nothing({ session: null, parts: 0, tokens: 0, left_out: null, proposed: [] }, "Every session here was read by a model as far as it went, or there is none", "tidemark memory extract --model SESSION    reads one again");
    return 0;
  }
  const planned = await planProposals(opened, wanted, count(options["parts"], "--parts"), price);
  if (options["dryRun"] === true) return sayPlan(planned, context);
  const asker = modelFor({ home, environment, now });
  if (planned.parts.length === 0) {
    terminal.nothing({ ...planJson(planned), proposed: [] }, `Nothing was said in session ${planned.session.id.slice(0, 8)}`, "tidemark sessions");
    return 0;
  }
  const done = await propose(opened, asker, planned, (part, of) => terminal.progress("asking the model", part, of));
  for (const [family, times] of Object.entries(done.redacted)) terminal.warn(`a secret was taken out before storing: ${family} ${times}`);
  const { memories: all } = await memories(opened);
  const waiting = done.proposed.flatMap((id) => all.get(id) ?? []);
  const data = { ...planJson(planned), model: asker.model.name, ...doneJson(done), proposed: waiting.map((memory) => memoryJson({ memory, score: 0, ...check(memory, here, now) })) };
  if (done.failure !== undefined) {
    if (done.asked > 0) terminal.warn(`${plural(done.passes.length, "part")} of ${planned.parts.length} ${done.passes.length === 1 ? "was" : "were"} taken in before it ended; ${tookWords(done)}`);
    terminal.fail(done.failure, data);
    return 1;
  }
  terminal.answer(data, () => sayProposed(waiting, done, planned, asker.model.name, context, here));
  return 0;
}

function sayProposed(waiting: readonly Memory[], done: Proposed, planned: Planned, model: string, { terminal, now }: Context, here: Here): void {
  terminal.line(`${model}, about ${planned.session.id.slice(0, 8)} “${clip(planned.session.title, 60)}”: ${waiting.length === 0 ? "nothing new" : `${plural(waiting.length, "proposal")} ${waiting.length === 1 ? "waits" : "wait"} for you`}.`);
  for (const memory of waiting) sayMemory(terminal, { memory, score: 0, ...check(memory, here, now) }, now);
  const { no_source: source, no_quote: quote, shape } = done.dropped;
  const left = [
    ...(done.known === 0 ? [] : [`${done.known} known or refused before`]),
    ...(source + quote === 0 ? [] : [`${source + quote} dropped: no words of the session say so`]),
    ...(shape === 0 ? [] : [`${shape} dropped: not in the shape that was asked for`]),
    ...leftOut(planned),
  ];
  if (left.length > 0) terminal.line(terminal.style("dim", left.join("; ")));
  terminal.line(terminal.style("dim", `${tookWords(done)}. tidemark memory accept ID... | reject ID... | edit ID TEXT`));
}

function sayPlan(planned: Planned, context: Context): number {
  const { terminal } = context;
  const { session, parts, tokens, cost } = planned;
  const setting = readModel(context.home);
  terminal.answer({ ...planJson(planned), requests: parts.map((part) => questionOf(part)) }, () => {
    terminal.line(`${plural(parts.length, "question")} about ${session.id.slice(0, 8)} “${clip(session.title, 60)}”, ${plural(tokens, "token")} in all${cost === undefined ? "" : `, at most ${amount(cost)} at your price`}. Nothing was sent.`);
    for (const [i, { turns, lines, tokens: size }] of parts.entries()) terminal.line(`  ${i + 1}  turns ${turns[0]} to ${turns[1]}, ${plural(lines.length, "text")}, ${plural(size, "token")}`);
    const left = leftOut(planned);
    if (left.length > 0) terminal.line(terminal.style("dim", left.join("; ")));
    terminal.line(terminal.style("dim", setting === undefined ? "No model is named yet: tidemark model --help" : `They would go to ${setting.kind} ${setting.model}${setting.url === undefined ? "" : ` at ${setting.url}`}${setting.url !== undefined && isLocal(setting.url) ? ", on this machine" : ""}. Word for word: --dry-run --json`));
  });
  return 0;
}

function leftOut({ left_out: { turns, characters } }: Planned): string[] {
  return characters === 0 ? [] : [`not sent: ${turns === 0 ? "" : `${plural(turns, "turn")}, `}${plural(characters, "character")} of long texts${turns === 0 ? "" : " and older turns (--parts sends more)"}`];
}

function planJson({ session, parts, left_out, tokens, cost }: Planned): Record<string, unknown> {
  return { session: session.id, parts: parts.length, turns: parts.map(({ turns }) => turns), tokens, cost_at_most: cost ?? null, left_out };
}

function doneJson({ asked, input, output, cost, known, dropped, passes }: Proposed): Record<string, unknown> {
  return { spent: { asked, input, output, cost: cost ?? null }, known, dropped, passes };
}

function priceOf({ home }: Context): Price | undefined {
  return readModel(home)?.price;
}

export async function judgePairs({ args, options }: Input, context: Context, here: Here): Promise<number> {
  if (args.length > 0) throw new TidemarkError("USAGE", "judge takes no words: it looks at all that is remembered here", { hint: "tidemark memory --help" });
  const { terminal, home, environment, now, store } = context;
  const opened = await store();
  const planned = await planJudging(opened, here, priceOf(context));
  const { pairs, left, tokens, cost } = planned;
  const shown = pairs.map(({ a, b }) => ({ a: { id: a.id, statement: a.statement }, b: { id: b.id, statement: b.statement } }));
  if (pairs.length === 0) {
    terminal.nothing({ pairs: [], left: 0, verdicts: [], proposed: [] }, "No two statements here are alike and were not judged yet", "tidemark memory list");
    return 0;
  }
  if (options["dryRun"] === true) {
    terminal.answer({ pairs: shown, left, tokens, cost_at_most: cost ?? null }, () => {
      terminal.line(`${plural(pairs.length, "pair")} in one question, ${plural(tokens, "token")}${cost === undefined ? "" : `, at most ${amount(cost)} at your price`}. Nothing was sent.`);
      for (const { a, b } of pairs) for (const [i, { id, statement }] of [a, b].entries()) terminal.line(`${i === 0 ? "  " : "    "}${terminal.style("cyan", id)}  ${clip(statement, terminal.width - 18)}`);
    });
    return 0;
  }
  const asker = modelFor({ home, environment, now });
  const done = await judge(opened, asker, planned);
  const spent = { asked: 1, input: done.input, output: done.output, cost: done.cost };
  const data = { pairs: shown, left, model: asker.model.name, verdicts: done.verdicts.map(({ a, b, verdict }) => ({ a: a.id, b: b.id, verdict })), proposed: done.proposed, pass: done.pass ?? null, spent: { ...spent, cost: done.cost ?? null } };
  if (done.failure !== undefined) {
    terminal.fail(done.failure, data);
    return 1;
  }
  terminal.answer(data, () => {
    for (const { a, b, verdict } of done.verdicts) {
      if (verdict === "unrelated") continue;
      terminal.line(verdict === "same" ? "the same:" : "one excludes the other:");
      for (const { id, statement } of [a, b]) terminal.line(`  ${terminal.style("cyan", id)}  ${clip(statement, terminal.width - 16)}`);
    }
    const unrelated = done.verdicts.filter(({ verdict }) => verdict === "unrelated").length;
    terminal.line(`${plural(pairs.length, "pair")} judged by ${asker.model.name}: ${unrelated} unrelated; ${plural(done.proposed.length, "proposal")} ${done.proposed.length === 1 ? "waits" : "wait"} in the inbox.${done.verdicts.length < pairs.length ? ` It said nothing of ${pairs.length - done.verdicts.length}.` : ""}`);
    terminal.line(terminal.style("dim", `${tookWords(spent)}${left === 0 ? "" : `. ${plural(left, "pair")} left: tidemark memory judge`}`));
  });
  return 0;
}
