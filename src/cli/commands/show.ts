/** `tidemark show`: one session, turn by turn. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural, printable, shownPath } from "../../base/text.ts";
import { findSession, story } from "../../operations/sessions.ts";
import type { Story, Turn } from "../../session/fold.ts";
import type { SessionSummary } from "../../session/summary.ts";
import type { CommandSpec, Context } from "../command.ts";
import { amount, ENDING_WORDS, endingStyle, iso, sessionJson, tokenSum, when } from "../format.ts";
import { count } from "../options.ts";
import { wrap } from "../terminal.ts";

export const command: CommandSpec = {
  args: "<session>",
  options: [{ flags: "--turn <n>", text: "show one turn whole: every call and answer" }],
  help: `
Show one session turn by turn

SESSION is an id, the beginning of one, or a session's name. A turn runs from the user's words to the end of the answer;
turns that were gone back on with a rewind stand at the end, without a number.`,
  run: async ({ args, options }, context) => {
    const store = await context.caughtUp();
    const summary = await findSession(store, args[0]!);
    const told = await story(store, summary.id);
    const wanted = options["turn"] === undefined ? undefined : count(options["turn"], "--turn");
    const one = told.turns.find(({ n }) => n === wanted);
    if (wanted !== undefined && one === undefined) throw new TidemarkError("BAD_VALUE", `The session has turns 1 to ${told.turns.length}, and no turn ${wanted}`, { hint: `tidemark show ${args[0]}` });
    const data = { session: sessionJson(summary), turns: [...told.turns, ...told.rewound].map((turn) => turnJson(turn, turn === one)) };
    context.terminal.answer(data, () => (one === undefined ? say(context, summary, told) : sayTurn(context, one, summary.project)));
    return 0;
  },
};

function turnJson(turn: Turn, whole: boolean): Record<string, unknown> {
  return {
    n: turn.n,
    prompt: turn.prompt,
    started: iso(turn.started),
    ended: iso(turn.ended),
    ending: turn.ending,
    calls: turn.calls.length,
    files: turn.files.filter(({ change }) => change !== "read").map(({ path, change, added, removed }) => ({ path, change, added, removed })),
    checkpoint: turn.checkpoint ?? null,
    subagents: turn.subagents,
    compacted: turn.compacted,
    answer: turn.answers.at(-1)?.payload.text ?? null,
    ...(whole ? { events: turn.events } : {}),
  };
}

function say({ terminal }: Context, summary: SessionSummary, told: Story): void {
  for (const line of wrap(printable(summary.title), terminal.width).split("\n")) terminal.line(terminal.style("bold", line));
  const origin = summary.relation === undefined ? "" : `, ${summary.relation} from ${summary.parent}`;
  terminal.line(`${summary.id}  ${summary.agent}${summary.models.length > 0 ? ` (${summary.models.join(", ")})` : ""}${origin}`);
  terminal.line(`${summary.project}${summary.branch === undefined ? "" : ` on ${summary.branch}`}`);
  terminal.line(wrap(`${when(summary.started)} to ${when(summary.ended)}  ${plural(summary.turns, "turn")}, ${plural(summary.files, "file")} changed, ${amount(tokenSum(summary.tokens))} tokens, ${summary.compactions > 0 ? `${plural(summary.compactions, "compaction")}, ` : ""}${summary.subagents > 0 ? `${plural(summary.subagents, "subagent")}, ` : ""}${ENDING_WORDS[summary.ending]}`, terminal.width));
  for (const turn of told.turns) sayLine({ terminal }, turn, summary.project, String(turn.n).padStart(3));
  if (told.rewound.length > 0) {
    terminal.line();
    terminal.line(terminal.style("dim", "Gone back on:"));
    for (const turn of told.rewound) sayLine({ terminal }, turn, summary.project, "  ·");
  }
  if (told.openCall !== undefined) {
    terminal.line();
    terminal.line(terminal.style("red", `The session ended during a call whose outcome is unknown: ${told.openCall.tool} ${clip(printable(JSON.stringify(told.openCall.input)), 200)}`));
  }
}

function sayLine({ terminal }: Pick<Context, "terminal">, turn: Turn, project: string, number: string): void {
  const words = ENDING_WORDS[turn.ending];
  const style = endingStyle(words);
  terminal.line();
  const prompt = wrap(clip(printable(turn.prompt), 320) || "(no words recorded)", terminal.width - 6).split("\n");
  for (const [i, line] of prompt.entries()) terminal.line(`${i === 0 ? terminal.style("cyan", number) : "   "}  ${terminal.style("bold", line)}`);
  const did = [`${when(turn.started)}`, plural(turn.calls.length, "call"), ...(turn.subagents > 0 ? [plural(turn.subagents, "subagent")] : []), ...(turn.compacted ? ["compacted"] : [])].join(", ");
  terminal.line(`     ${terminal.style("dim", did)}${turn.ending === "completed" ? "" : `  ${style === undefined ? words : terminal.style(style, words)}`}`);
  const changed = turn.files.filter(({ change }) => change !== "read");
  for (const file of changed.slice(0, 8)) terminal.line(`     ${file.change === "created" ? "+" : file.change === "deleted" ? "-" : "~"} ${printable(shownPath(file.path, project))} ${terminal.style("dim", `+${file.added} -${file.removed}`)}`);
  if (changed.length > 8) terminal.line(`     … and ${changed.length - 8} more files`);
  const answer = turn.answers.at(-1)?.payload.text;
  if (answer !== undefined) for (const line of wrap(clip(printable(answer), 280), terminal.width - 7).split("\n")) terminal.line(`     ${terminal.style("dim", line)}`);
}

function sayTurn(context: Context, turn: Turn, project: string): void {
  const { terminal } = context;
  sayLine(context, turn, project, String(turn.n).padStart(3));
  for (const event of turn.events) {
    const by = event.thread === undefined ? "" : terminal.style("dim", `[${event.thread.slice(0, 8)}] `);
    if (event.type === "answer") terminal.line(`\n${by}${printable(event.payload.text)}`);
    if (event.type === "tool.called") {
      const call = turn.calls.find(({ id }) => id === event.id);
      terminal.line(`\n${by}${terminal.style("cyan", event.payload.tool)} ${clip(printable(JSON.stringify(event.payload.input)), 400)}`);
      for (const line of printable(call?.output ?? "").split("\n").slice(0, 12)) terminal.line(`  ${terminal.style("dim", clip(line, terminal.width - 2))}`);
    }
  }
}
