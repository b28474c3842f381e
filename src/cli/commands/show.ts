/** `tidemark show`: one session, turn by turn, or a commit with the turns whose work it holds. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural, printable, shownPath } from "../../base/text.ts";
import { findSession, story } from "../../operations/sessions.ts";
import type { Story, Turn } from "../../session/fold.ts";
import type { SessionSummary } from "../../session/summary.ts";
import { commitsOfSession, linkCommits } from "../../operations/commits.ts";
import type { Store } from "../../store/store.ts";
import { commitNamed } from "../../worktree/commits.ts";
import type { CommandSpec, Context } from "../command.ts";
import { commitJson, noCommit, percent, sayCommit, warnUnread, withCommits } from "../commits.ts";
import { amount, ENDING_WORDS, endingStyle, iso, sessionJson, tokenSum, when } from "../format.ts";
import { count } from "../options.ts";
import { wrap } from "../terminal.ts";

export const command: CommandSpec = {
  args: "<session-or-commit>",
  options: [
    { flags: "--turn <n>", text: "show one turn whole: every call and answer" },
    { flags: "--commits", text: "show which commits of this repository hold work of the session" },
    { flags: "--commit", text: "take the name for a commit, where a session goes by it, too" },
  ],
  help: `
Show one session turn by turn, or whose work a commit holds

SESSION is an id, the beginning of one, or a session's name. A turn runs from the user's words to the end of the answer;
turns that were gone back on with a rewind stand at the end, without a number.

COMMIT is any name git has for one, in the repository this is called in. Turns are found by what the commit holds, so also
after an amend, rebase, squash or cherry-pick; nothing is written into the repository. The data is then {commit, subject, authored,
committed, parents, lines, files, unread, cut, turns: [{session, agent, turn, prompt, lines, files, share, paths}]}: share is that of the lines the
commit adds and removes. With --commits it is {session, commits: [those]}.`,
  run: async ({ args, options }, context) => {
    const store = await context.caughtUp();
    const name = args[0]!;
    if (options["commit"] === true) return showCommit(context, store, name, noCommit(name));
    let summary: SessionSummary;
    try {
      summary = await findSession(store, name);
    } catch (error) {
      if (!(error instanceof TidemarkError) || (error.code !== "SESSION_UNKNOWN" && error.code !== "NO_SESSIONS")) throw error;
      return showCommit(context, store, name, error);
    }
    if (options["commits"] === true) return showCommits(context, store, summary);
    const told = await story(store, summary.id);
    const wanted = options["turn"] === undefined ? undefined : count(options["turn"], "--turn");
    const one = told.turns.find(({ n }) => n === wanted);
    if (wanted !== undefined && one === undefined) throw new TidemarkError("BAD_VALUE", `The session has turns 1 to ${told.turns.length}, and no turn ${wanted}`, { hint: `tidemark show ${args[0]}` });
    const data = { session: sessionJson(summary), turns: [...told.turns, ...told.rewound].map((turn) => turnJson(turn, turn === one)) };
    context.terminal.answer(data, () => (one === undefined ? say(context, summary, told) : sayTurn(context, one, summary.project)));
    return 0;
  },
};

/** `otherwise`: what there is to be said where it is no commit either. */
async function showCommit(context: Context, store: Store, name: string, otherwise: TidemarkError): Promise<number> {
  const found = await withCommits(context, store, async (deps) => {
    const sha = commitNamed(deps.repository, name, deps.environment);
    return sha === undefined ? undefined : (await linkCommits(deps, [sha]))[0];
  });
  if (found === undefined) throw otherwise;
  warnUnread(context.terminal, [found]);
  context.terminal.answer(commitJson(found), () => sayCommit(context, found));
  return 0;
}

async function showCommits(context: Context, store: Store, summary: SessionSummary): Promise<number> {
  const { terminal } = context;
  const commits = await withCommits(context, store, (deps) => commitsOfSession(deps, summary.id));
  if (commits === undefined) throw new TidemarkError("NO_REPOSITORY", `${context.cwd} is in no git repository`, { hint: "Change into the repository that the session worked in." });
  warnUnread(terminal, commits);
  terminal.answer({ session: sessionJson(summary), commits: commits.map(commitJson) }, () => {
    if (commits.length === 0) terminal.line("No commit here holds work of this session.");
    for (const { sha, subject, committed, turns } of commits) {
      const own = turns.filter(({ session }) => session === summary.id);
      const named = own.flatMap(({ n }) => n ?? []).sort((a, b) => a - b);
      terminal.line(`${terminal.style("cyan", sha.slice(0, 10))}  ${when(committed)}  ${percent(own.reduce((sum, { share }) => sum + share, 0))}${named.length === 0 ? "" : ` of turn ${named.join(", ")}`}  ${clip(printable(subject), 80)}`);
    }
  });
  return 0;
}

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
