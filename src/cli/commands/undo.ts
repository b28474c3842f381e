/** `tidemark undo`: takes back what an agent did to the files, and nothing that anyone else did. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural } from "../../base/text.ts";
import { effectOf } from "../../checkpoint/commands.ts";
import { within } from "../../operations/compare.ts";
import { callId, history, turnNumbered, turnsOf, type History, type TreeTurn } from "../../operations/history.ts";
import { latestSession, sessionId, story } from "../../operations/sessions.ts";
import { callNamed, lastingOfCall, lastingOfTurns, lastTurns, type Lasting } from "../../operations/undo-choice.ts";
import { bytesFor, undoFromTranscript } from "../../operations/undo-from-transcript.ts";
import { makeKnown, type Tree } from "../../operations/take-back.ts";
import { callsOfTurn, planTranscriptUndo, type TranscriptUndo } from "../../operations/undo-transcript.ts";
import type { Store } from "../../store/store.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec, Context, Input } from "../command.ts";
import { count } from "../options.ts";
import { sayNothing, show, takeBack, takingOf, tellingOf, TAKING_HELP, TAKING_OPTIONS, turnInWords } from "../taking-back.ts";
import { inThisTree, uniqueId } from "../trees.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "[n]",
  options: [
    { flags: "--session <id>", text: "only turns of this session" },
    { flags: "--turn <n>", text: "this turn, by its number in `tidemark checkpoints`" },
    { flags: "--call <id>", text: "this one tool call" },
    ...TAKING_OPTIONS,
  ],
  paths: true,
  help: `
Take back what an agent did to the files

Without arguments the last turn that is in force in this tree, of whichever session; with N the last N turns. A turn is
all that was done between one prompt and the next, shell commands and subagents included. Paths after -- restrict it.

${TAKING_HELP}

A session that has no checkpoints here is taken back by its transcript, as far as that tells what the files were: what
its edit tools did, not what its shell commands did. Name it with --session.`,
  run: async (input, context) => {
    const log = await context.caughtUp();
    return inThisTree(context, async (tree) => {
      const { session, turn, call } = input.options;
      const [given] = input.args;
      if (given !== undefined && !/^\d+$/.test(given)) throw new TidemarkError("BAD_VALUE", `undo takes a number of turns, not "${given}"`, { hint: `tidemark undo -- ${given}, for a path; tidemark undo --session ${given}, for a session` });
      if ([given, turn, call].filter((each) => each !== undefined).length > 1) throw new TidemarkError("BAD_VALUE", "Name one of a number of turns, --turn and --call");
      // What was done since the last look belongs to it as well.
      if (tree.store.newest(tree.root) > 0) tree.keeper.look("forced");
      const all = await history(tree.store, log, tree.root);
      const named = typeof session === "string" ? session : undefined;
      if (named !== undefined && turnsOf(all, named).length === 0) return byTranscript(await sessionId(log, named), input, tree, log, context);
      if (typeof call === "string") return byCall(callNamed(all, call), all, input, tree, log, context);
      const turns = typeof turn === "string" ? [turnNumbered(all, count(turn, "--turn"), named)] : lastTurns(all, given === undefined ? 1 : count(given, "undo"), named);
      if (turns.length === 0) return all.turns.length === 0 ? noTurns(log, tree, context) : sayNothing(context, `Every turn here${named === undefined ? "" : ` of session ${named}`} is undone already`, "tidemark redo    brings the last one back");
      if (given !== undefined && turns.length < Number(given)) context.terminal.warn(`only ${plural(turns.length, "turn")} here can be taken back`);
      const about = { title: `Undo ${titleOf(turns)}`, turns, lasting: await lastingOfTurns(log, turns), back: true, again: "tidemark redo", ...ofOne(turns) };
      return takeBack({ verb: "undo", turns }, takingOf("undo", input, tree, context.cwd), about, tree, log, context);
    });
  },
};

function ofOne(turns: readonly TreeTurn[]): { session?: string } {
  const sessions = new Set(turns.map(({ session }) => session));
  return sessions.size === 1 ? { session: turns[0]!.session } : {};
}

function titleOf(turns: readonly TreeTurn[]): string {
  return turns.length === 1 ? turnInWords(turns[0]!) : `${plural(turns.length, "turn")}, back to before ${turnInWords(turns[0]!)}`;
}

async function byCall(call: string, all: History, input: Input, tree: Tree, log: Store, context: Context): Promise<number> {
  const own = all.turns.filter(({ checkpoints }) => checkpoints.some(({ actor }) => actor.by === "agent" && actor.calls.some(({ id }) => id === call)));
  const [turn] = own;
  const title = `Undo call ${call}${turn === undefined ? "" : ` in ${turnInWords(turn)}`}`;
  const lasting = turn === undefined ? [] : await lastingOfCall(log, turn.session, call);
  const wanted = { verb: "undo" as const, call, ...(turn === undefined ? {} : { session: turn.session }) };
  return takeBack(wanted, takingOf("undo", input, tree, context.cwd), { title, turns: own, lasting, back: true, again: "tidemark redo", ...ofOne(own) }, tree, log, context);
}

/** Nothing was captured here; the transcript of a session may still tell. */
async function noTurns(log: Store, { root }: Tree, context: Context): Promise<number> {
  const project = projectOf(context.cwd);
  const latest = (await log.heads()).size === 0 ? undefined : await latestSession(log, project);
  const words = `No agent has changed files in ${root} since checkpoints are kept`;
  if (latest?.project !== project) return sayNothing(context, words, "tidemark checkpoints    what is kept");
  return sayNothing(context, words, `tidemark undo --session ${shortId(latest.id)} --dry-run    what its transcript can take back`);
}

// ---- sessions without checkpoints ----

async function byTranscript(session: string, input: Input, tree: Tree, log: Store, context: Context): Promise<number> {
  const taking = takingOf("undo", input, tree, context.cwd);
  const told = await story(log, session);
  const { call, turn } = input.options;
  const turns = typeof turn === "string" ? [count(turn, "--turn")] : changing(told.turns).slice(-(input.args[0] === undefined ? 1 : count(input.args[0], "undo")));
  if (call === undefined && turns.length === 0) return sayNothing(context, `Session ${shortId(session)} changed no file`, `tidemark show ${shortId(session)}    what it did`);
  const planned = await planTranscriptUndo({
    session, configDir: context.configDir, root: tree.root, mode: taking.mode, within: within(taking.paths),
    select: typeof call === "string" ? { call } : { calls: turns.flatMap((n) => callsOfTurn(told, n)) },
    mayChange: (tool, given) => effectOf(tool, given).effect !== "none",
  });
  const bytes = bytesFor(planned, tree);
  const done = undoFromTranscript(planned, { dryRun: taking.dryRun, id: uniqueId() }, tree);
  const numberOf = (id: string): number | undefined => told.turns.find(({ calls }) => calls.some((each) => callId(each.id) === id))?.n;
  const lasting = planned.irreversible.map(({ call: id, tool, what, reason }): Lasting => {
    const n = numberOf(id);
    return { session, call: id, tool, what: reason, input: clip(what, 300), ...(n === undefined ? {} : { turn: n }) };
  });
  for (const { file, line, reason } of planned.damaged.slice(0, 3)) context.terminal.warn(`${file}:${line}: ${reason}; a change may be missing here`);
  const title = typeof call === "string" ? `Undo call ${call} of session ${shortId(session)}, by its transcript` : `Undo turn ${turns.join(", ")} of session ${shortId(session)}, by its transcript`;
  sayCascade(planned, context);
  const about = { title, turns: [], lasting, session, back: true, again: "tidemark redo" };
  return show({ ...done, told: await makeKnown(done, { ...about, verb: "undo" }, tree, log, tellingOf(context)) }, taking, about, context, bytes);
}

function changing(turns: readonly { readonly n: number; readonly files: readonly { readonly change: string }[] }[]): number[] {
  return turns.filter(({ files }) => files.some(({ change }) => change !== "read")).map(({ n }) => n);
}

function sayCascade({ cascade }: TranscriptUndo, { terminal }: Context): void {
  if (cascade.length === 0) return;
  const some = cascade.slice(0, 5).map(({ tool, call, path }) => `${tool} ${call} on ${path}`);
  terminal.warn(`${plural(cascade.length, "later call")} on the same files ${cascade.length === 1 ? "goes" : "go"} with it: ${some.join(", ")}${cascade.length > some.length ? ", …" : ""}`);
}
