/** `tidemark memory`: what is remembered, to look at, review, correct, and take elsewhere. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural } from "../../base/text.ts";
import { oppositesOf } from "../../memory/consolidate.ts";
import type { MemoryState, Pass } from "../../memory/fold.ts";
import { slotOf, type Contradiction, type Memory } from "../../memory/model.ts";
import { isSeenFrom, kindOf } from "../../memory/statement.ts";
import { exportMemories, importMemories } from "../../operations/memory-file.ts";
import { extractNew, type Extracted } from "../../operations/memory-extract.ts";
import { findMemory, historyOf, memories, revertPass, review, supersede, type Review } from "../../operations/memories.ts";
import { sourcesOf, type Source } from "../../operations/memory-sources.ts";
import { aboutOf, check, inRecall, inSight, placeOf, recallMemories, weightsOf, type Here, type Recalled } from "../../operations/recall-memories.ts";
import { recordOf, usefulnessHere } from "../../operations/uses.ts";
import type { CommandSpec, Context, Input } from "../command.ts";
import { iso, when } from "../format.ts";
import { judgePairs, proposeFrom } from "../memory-model.ts";
import { memoryJson, sayContradictions, sayMemories, sayMemory } from "../memories.ts";
import { rounded, sayUse, useJson } from "../memory-use.ts";
import { count, time } from "../options.ts";

type Act = (input: Input, context: Context, here: Here) => Promise<number>;

export const command: CommandSpec = {
  args: "[action] [words...]",
  options: [
    { flags: "--all", text: "list: of every project, and what is over or was refused as well" },
    { flags: "--kind <kind>", text: "list: constraint, decision, procedural, semantic, episodic or working" },
    { flags: "--as-of <time>", text: "list, show, why: what held then, by all that is known now" },
    { flags: "--known <time>", text: "list, show, why: only what had been recorded by then" },
    { flags: "--limit <n>", text: "list: how many", default: "50" },
    { flags: "--replace", text: "import: the file is all there is to be; what it lacks ends" },
    { flags: "--model", text: "extract: ask the model that you have named" },
    { flags: "--parts <n>", text: "extract --model: how many questions at most, the newest parts of the session first", default: "8" },
    { flags: "--dry-run", text: "extract --model, judge: what would be sent, and what it would cost" },
  ],
  help: `
See and correct what is remembered

list [WORDS] (also without an action) shows what holds here, best first; with words, what they find. Each is checked
against the tree now: current, changed, gone or unverified. show ID|KEY tells all of one; why ID|KEY where it was taken
from, how often it was given and of use, and what its rank comes from; history [ID|KEY] every value and pass, or all passes.

inbox lists what was only worked out and waits for you: accept ID..., reject ID..., edit ID TEXT. end ID... says that
something no longer holds. supersede ID NEW puts NEW, a text or an id, in the place of another. revert PASS takes back a
whole pass, or a revert.

extract reads what sessions have added by rules, however long it takes; every other action does so for five seconds.
extract --model [SESSION] asks the model that you have named (tidemark model) about a session, else the newest here that
none has read; judge asks it which statements say the same or exclude each other. What it proposes waits in the inbox.

export [FILE] writes Markdown that can be read and edited; import FILE takes in what was changed in it, as one pass.
"What did we believe on a day" is --as-of DAY --known DAY; "what was I doing" is --as-of DAY or TIME. To erase a memory for good:
tidemark forget --memory ID.`,
  run: async (input, context) => {
    const [action = "list", ...words] = input.args;
    const act = ACTIONS[action];
    if (act === undefined) throw new TidemarkError("USAGE", `"${action}" is not something memory does: ${Object.keys(ACTIONS).join(", ")}`, { hint: "tidemark memory --help" });
    const here = await placeOf(context.cwd, context.environment);
    if (act !== takeIn || input.options["model"] === true) await readNew(context);
    return act({ ...input, args: words }, context, here);
  },
};

const ACTIONS: Readonly<Record<string, Act>> = {
  list, show, why, history, export: toFile, import: fromFile, revert,
  inbox: (input, context, here) => list({ ...input, options: { ...input.options, inbox: true } }, context, here),
  accept: (input, context, here) => judge({ how: "accept" }, input.args, context, here),
  reject: (input, context, here) => judge({ how: "reject" }, input.args, context, here),
  end: (input, context, here) => judge({ how: "end" }, input.args, context, here),
  edit: (input, context, here) => judge(edited(input.args.slice(1).join(" "), here), input.args.slice(0, 1), context, here),
  supersede: replace,
  extract: takeIn,
  judge: judgePairs,
};

/** How long one command reads sessions for what is worth keeping, in milliseconds: 120 sessions took three seconds. */
const READING = 5000;

async function readNew(context: Context): Promise<void> {
  const { left } = await read(context, READING);
  if (left > 0) context.terminal.warn(`${plural(left, "session")} ${left === 1 ? "is" : "are"} still to be read for what is worth keeping: the next tidemark memory goes on`);
}

async function read({ caughtUp, terminal, now }: Context, ms: number): Promise<Extracted> {
  return extractNew(await caughtUp(), { now, ms, clock: () => performance.now(), holder: String(process.pid), progress: (done, total) => terminal.progress("reading sessions", done, total) });
}

async function takeIn(input: Input, context: Context, here: Here): Promise<number> {
  if (input.options["model"] === true) return proposeFrom(input, context, here);
  if (input.args.length > 0 || input.options["dryRun"] === true) throw new TidemarkError("USAGE", "Rules read every session that has gone on; one session alone, and --dry-run, are for --model", { hint: "tidemark memory extract --model SESSION --dry-run" });
  const { terminal } = context;
  const { sessions, added, left } = await read(context, Infinity);
  // Another process is at it.
  if (left > 0) terminal.warn(`${plural(left, "session")} ${left === 1 ? "is" : "are"} being read by another process`);
  terminal.answer({ sessions, added, left }, () => terminal.line(`${plural(sessions, "session")} read by rules, ${plural(added, "memory", "memories")} added.`));
  return 0;
}

async function list({ args, options }: Input, context: Context, here: Here): Promise<number> {
  const { terminal, now } = context;
  const at = time(options["asOf"], "--as-of", now) ?? now;
  // A day is asked about as a whole.
  const until = options["asOf"] === undefined || args.length > 0 ? undefined : at + (/^\d{4}-\d\d-\d\d$/.test(String(options["asOf"])) ? DAY : 0);
  const limit = count(options["limit"], "--limit");
  const state = await stateAt(context, options);
  const kind = typeof options["kind"] === "string" ? kindOf(options["kind"]) : undefined;
  const waiting = [...state.memories.values()].filter(({ status, scope }) => status === "inbox" && (options["all"] === true || isSeenFrom(scope, here)));
  const pool = options["inbox"] === true ? waiting : options["all"] === true ? [...state.memories.values()] : inSight(state, here, at, until);
  // Without words: what happened is asked for by time or kind; there would be one for each session.
  const wanted = pool.filter((memory) => (kind === undefined ? args.length > 0 || memory.kind !== "episodic" || options["asOf"] !== undefined || options["all"] === true : memory.kind === kind));
  const asked = args.join(" ").trim();
  const found: Recalled[] = asked === "" ? wanted.slice(-limit).map((memory) => ({ memory, score: 0, ...check(memory, here, now) })) : await ranked();
  const shown = new Set(found.map(({ memory }) => memory.id));
  const contradictions = contradictionsOf(state, found.map(({ memory }) => memory)).filter(({ a, b }) => shown.has(a) || shown.has(b));
  terminal.answer({ memories: found.map(memoryJson), contradictions, waiting: waiting.length, more: asked === "" && wanted.length > found.length }, () => {
    if (found.length === 0) terminal.line(options["inbox"] === true ? "Nothing waits for you." : asked === "" ? 'Nothing is remembered here yet. `tidemark remember "TEXT"` keeps a statement.' : "Nothing that is remembered here has these words.");
    if (asked === "") sayMemories(terminal, found, now, takesPlace(state));
    else for (const each of found) sayMemory(terminal, each, now);
    sayContradictions(terminal, contradictions, (id) => state.memories.get(id)?.statement ?? "");
    if (asked === "" && wanted.length > found.length) terminal.line(terminal.style("dim", `  … and ${wanted.length - found.length} older (--limit ${wanted.length})`));
    if (waiting.length > 0 && options["inbox"] !== true) terminal.line(terminal.style("dim", `${plural(waiting.length, "statement")} that ${waiting.length === 1 ? "was" : "were"} worked out ${waiting.length === 1 ? "waits" : "wait"} for you: tidemark memory inbox`));
    if (found.length > 0 && options["inbox"] === true) terminal.line(terminal.style("dim", "tidemark memory accept ID... | reject ID... | edit ID TEXT"));
  });
  return 0;

  async function ranked(): Promise<Recalled[]> {
    // What was of use since then says nothing of another time.
    const by = at === now ? { usefulness: await usefulnessHere(await context.store(), state, here.project, now) } : {};
    return recallMemories({ ...state, memories: new Map(wanted.map((each) => [each.id, each])) }, asked, { here, now, at, limit, ...by });
  }
}

async function show({ args, options }: Input, context: Context, here: Here): Promise<number> {
  const { terminal, now } = context;
  const state = await stateAt(context, options);
  const memory = findMemory(state, needed(args, "ID|KEY"));
  const recalled = { memory, score: 0, ...check(memory, here, now) };
  const contradictions = contradictionsOf(state, [memory]);
  terminal.answer({ ...memoryJson(recalled), about: memory.about ?? null, passed: memory.passed, contradictions }, () => {
    sayMemory(terminal, recalled, now);
    sayContradictions(terminal, contradictions, (id) => state.memories.get(id)?.statement ?? "");
    terminal.line(terminal.style("dim", `  key ${memory.key} · valid from ${when(memory.valid_from)}${memory.valid_to === undefined ? "" : ` to ${when(memory.valid_to)}`} · recorded ${when(memory.recorded_at)}`));
    for (const file of memory.about?.files ?? []) terminal.line(terminal.style("dim", `  about ${file.path}`));
    terminal.line(terminal.style("dim", `  tidemark memory why ${memory.id}: where it was taken from`));
  });
  return 0;
}

async function why({ args, options }: Input, context: Context, here: Here): Promise<number> {
  const { terminal, now, store } = context;
  const state = await stateAt(context, options);
  const memory = findMemory(state, needed(args, "ID|KEY"));
  const checked = check(memory, here, now);
  const sources = await sourcesOf(await store(), memory);
  const use = await recordOf(await store(), state, memory, { project: memory.scope.project ?? here.project, now });
  // What was done is over, and told all the same.
  const given = memory.status === "active" && memory.valid_from <= now && (memory.kind === "episodic" || memory.valid_to === undefined || memory.valid_to > now);
  terminal.answer({ ...memoryJson({ memory, score: 0, ...checked }), given, use: useJson(use), weights: { ...weightsOf(memory, checked), use: rounded(inRecall(use.score)) }, taken_from: sources.map(sourceJson), about: memory.about ?? null }, () => {
    sayMemory(terminal, { memory, score: 0, ...checked }, now);
    terminal.line(given ? "  It is given when asked for." : `  It is not given: ${memory.status === "active" ? "it does not hold now" : memory.status}.`);
    sayUse(terminal, use, { ...weightsOf(memory, checked), use: inRecall(use.score) });
    if (sources.length === 0) terminal.line("  You said it yourself, outside of any session.");
    for (const { session, turn, role, time: at, text, erased } of sources.slice(0, SHOWN)) {
      terminal.line(`  ${terminal.style("cyan", session.slice(0, 8))} ${turn === 0 ? "" : `turn ${turn} `}${terminal.style("dim", `${role}, ${when(at)}`)}`);
      terminal.line(`      ${erased ? "(erased)" : `“${clip(text, terminal.width - 10)}”`}`);
    }
    if (sources.length > SHOWN) terminal.line(terminal.style("dim", `  … and ${sources.length - SHOWN} more events`));
  });
  return 0;
}

const SHOWN = 8;
const DAY = 86_400_000;

async function history({ args, options }: Input, context: Context, here: Here): Promise<number> {
  const { terminal, now } = context;
  const state = await stateAt(context, options);
  if (args.length === 0) {
    const passes = state.passes.slice(-count(options["limit"], "--limit"));
    terminal.answer({ passes: passes.map(passJson) }, () => {
      if (passes.length === 0) terminal.line("Nothing was ever remembered here.");
      for (const pass of passes) terminal.line(passLine(pass));
    });
    return 0;
  }
  const { values, passes } = historyOf(state, needed(args, "ID|KEY"));
  const recalled = values.map((memory) => ({ memory, score: 0, ...check(memory, here, now) }));
  terminal.answer({ values: recalled.map(memoryJson), passes: passes.map(passJson) }, () => {
    for (const { memory } of recalled) terminal.line(`${when(memory.valid_from)}  ${memory.valid_to === undefined ? " ".repeat(16) : when(memory.valid_to)}  ${terminal.style("cyan", memory.id)}  ${memory.status.padEnd(10)}  ${clip(memory.statement, terminal.width - 64)}`);
    terminal.line(terminal.style("dim", "passes"));
    for (const pass of passes) terminal.line(passLine(pass));
  });
  return 0;
}

function edited(statement: string, here: Here): Review {
  const about = aboutOf(statement, here, { level: "project", project: here.project });
  return { how: "edit", statement, ...(about === undefined ? {} : { about }) };
}

async function judge(verdict: Review, ids: readonly string[], context: Context, here: Here): Promise<number> {
  const { terminal, store, now } = context;
  if (verdict.how === "edit" && verdict.statement === "") throw new TidemarkError("USAGE", "edit takes an id and the new text", { hint: 'tidemark memory edit ID "TEXT"' });
  needed(ids, verdict.how === "edit" ? 'ID "TEXT"' : "ID");
  const { pass, memories: judged } = await review(await store(), ids, verdict, now);
  const recalled = judged.map((memory) => ({ memory, score: 0, ...check(memory, here, now) }));
  terminal.answer({ pass: pass ?? null, memories: recalled.map(memoryJson) }, () => {
    if (pass === undefined) terminal.line("It was so already.");
    for (const each of recalled) sayMemory(terminal, each, now);
    if (pass !== undefined) terminal.line(terminal.style("dim", `To take it back: tidemark memory revert ${pass.replace("memory:", "")}`));
  });
  return 0;
}

async function replace({ args }: Input, { terminal, store, now }: Context, here: Here): Promise<number> {
  const [old, ...words] = args;
  if (old === undefined || words.length === 0) throw new TidemarkError("USAGE", "supersede takes the id of what is over, and what takes its place", { hint: 'tidemark memory supersede ID "NEW TEXT"' });
  const { pass, old: before, memory, redacted } = await supersede(await store(), old, words.join(" "), now, (scope) => aboutOf(words.join(" "), here, scope));
  for (const [family, times] of Object.entries(redacted)) terminal.warn(`a secret was taken out before storing: ${family} ${times}`);
  terminal.answer({ pass, old: memoryJson({ memory: before, score: 0, ...check(before, here, now) }), memory: memoryJson({ memory, score: 0, ...check(memory, here, now) }) }, () => {
    terminal.line(`${terminal.style("cyan", memory.id)} took the place of ${terminal.style("cyan", before.id)}, which is kept: tidemark memory history ${memory.id}`);
  });
  return 0;
}

async function revert({ args }: Input, { terminal, store, now }: Context): Promise<number> {
  const { pass, of, memories: changed } = await revertPass(await store(), needed(args, "PASS"), now);
  terminal.answer({ pass, of, memories: changed.map(({ id, status }) => ({ id, status })) }, () => {
    terminal.line(`Taken back: ${of}. ${plural(changed.length, "memory", "memories")} ${changed.length === 1 ? "is" : "are"} as if it had never been recorded.`);
    terminal.line(terminal.style("dim", `To have it again: tidemark memory revert ${pass.replace("memory:", "")}`));
  });
  return 0;
}

async function toFile({ args }: Input, { terminal, store, cwd, now }: Context, here: Here): Promise<number> {
  const { text, count: written } = await exportMemories(await store(), here, now);
  const [file] = args;
  if (file === undefined) {
    terminal.answer({ file: null, count: written, text }, () => (terminal.shown ? terminal.line(text.trimEnd()) : terminal.exact(text)));
    return 0;
  }
  const path = resolve(cwd, file);
  try {
    // An earlier export is written anew; anything else that stands there is somebody's.
    if (existsSync(path) && !readFileSync(path, "utf8").startsWith("# Memory\n")) throw new TidemarkError("BAD_VALUE", `${file} is there and was not written by tidemark memory export`, { hint: "Name another file." });
    writeFileSync(path, text);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("PATH_UNREADABLE", `${file} cannot be written: ${(error as Error).message}`, { cause: error, hint: "Name another file." });
  }
  terminal.answer({ file: path, count: written }, () => terminal.line(`${plural(written, "memory", "memories")} written to ${file}. After editing: tidemark memory import ${file}`));
  return 0;
}

/** No file of statements comes near it, in bytes. */
const FILE_MOST = 64 * 1024 * 1024;

async function fromFile({ args, options }: Input, { terminal, store, cwd, now }: Context, here: Here): Promise<number> {
  const file = needed(args, "FILE");
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(cwd, file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TidemarkError(code === "ENOENT" ? "PATH_MISSING" : "PATH_UNREADABLE", code === "ENOENT" ? `${file} does not exist` : `${file} cannot be read: ${message}`, { cause: error, hint: "tidemark memory export FILE writes one." });
  }
  if (bytes.length > FILE_MOST || bytes.includes(0)) throw new TidemarkError("MEMORY_FILE", `${file} is no Markdown`);
  const imported = await importMemories(await store(), bytes.toString("utf8"), { place: here, now, whole: options["replace"] === true, about: (statement, scope) => aboutOf(statement, here, scope) });
  for (const [family, times] of Object.entries(imported.redacted)) terminal.warn(`a secret was taken out before storing: ${family} ${times}`);
  const { pass, added, changed, ended, waiting, changes } = imported;
  terminal.answer({ pass: pass ?? null, added, changed, ended, waiting, changes }, () => {
    if (pass === undefined) return terminal.line("The file says what is remembered already.");
    terminal.line(`${added} added, ${changed} changed, ${ended} ended.${waiting === 0 ? "" : ` ${plural(waiting, "statement")} ${waiting === 1 ? "waits" : "wait"} in the inbox, since you did not say ${waiting === 1 ? "it" : "them"}.`}`);
    terminal.line(terminal.style("dim", `To take it back: tidemark memory revert ${pass.replace("memory:", "")}`));
  });
  return 0;
}

async function stateAt({ store, now }: Context, options: Input["options"]): Promise<MemoryState> {
  return memories(await store(), time(options["known"], "--known", now));
}

/** What accepting one that waits would end, so that nobody ends it unawares. */
function takesPlace({ memories: all }: MemoryState): (memory: Memory) => readonly Memory[] {
  return ({ id, status, replaces, ...memory }) => {
    if (status !== "inbox") return [];
    if (replaces !== undefined) return [replaces.old, replaces.by].flatMap((each) => all.get(each) ?? []);
    const slot = slotOf(memory);
    return [...all.values()].filter((other) => other.status === "active" && other.id !== id && slotOf(other) === slot && other.valid_from <= memory.valid_from);
  };
}

/** Those the fold found, and statements that say the opposite of these. */
function contradictionsOf(state: MemoryState, some: readonly Memory[]): Contradiction[] {
  const ids = new Set(some.map(({ id }) => id));
  const found = state.contradictions.filter(({ a, b }) => ids.has(a) || ids.has(b));
  const told = new Set<string>();
  for (const memory of some) {
    if (memory.kind === "episodic" || memory.kind === "working" || memory.status === "superseded") continue;
    for (const other of oppositesOf(memory, state.memories.values())) {
      const [a, b] = [memory.id, other.id].sort() as [string, string];
      if (!told.has(`${a} ${b}`)) found.push({ a, b, why: "opposite" });
      told.add(`${a} ${b}`);
    }
  }
  return found;
}

function needed(args: readonly string[], what: string): string {
  if (args[0] === undefined || args[0] === "") throw new TidemarkError("USAGE", `${what} is missing`, { hint: "tidemark memory --help" });
  return args[0];
}

function sourceJson({ event, session, turn, role, time: at, text, erased }: Source): Record<string, unknown> {
  return { event, session, turn, role, time: iso(at), text, erased };
}

function passJson({ id, recorded, counts, event }: Pass): Record<string, unknown> {
  const what = event.type === "memory.reverted" ? { what: "revert", by: "user", of: event.payload.of, changes: [] } : { what: event.payload.what, by: event.payload.by, changes: event.payload.changes };
  return { id, recorded: iso(recorded), counts, ...what };
}

function passLine({ id, recorded, counts, event }: Pass): string {
  const what = event.type === "memory.reverted" ? `revert of ${event.payload.of.replace("memory:", "")}` : `${event.payload.what}: ${plural(event.payload.changes.length, "change")}`;
  return `${id.replace("memory:", "")}  ${when(recorded)}  ${what}${counts ? "" : "  (taken back)"}`;
}
