/**
 * What of a session is worth remembering beyond it, found by rules alone: lasting demands and decisions of the user,
 * decisions and dead ends the agent told of with a reason, commands seen to pass by their exit status, what fixed one that
 * failed, what was planned, and what was done. Pure. Precision first: a rule that lets a one-off request through is worse
 * than one that misses a preference. How often it is wrong on real sessions: docs/memory.md.
 *
 * Words that a tool had shown before are the tool's, whoever repeats them (shown.ts), and wait in quarantine.
 */
import { baseName, clip, shownPath } from "../base/text.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Story, Turn } from "../session/fold.ts";
import { failed, verified } from "./commands.ts";
import type { Candidate } from "./consolidate.ts";
import { isPasted, NARRATION, REASON, sentences } from "./sentences.ts";
import { Shown } from "./shown.ts";
import { defaultKey } from "./statement.ts";

/** What the user wants to be so from now on, by the form of an order or of a habit. */
const ORDER = String.raw`^(?:(?:and|also|so|but|ok(?:ay)?|no|yes|please|in general|from now on|going forward|for (?:the )?future)[,:]?\s+)*`;
const LASTING: readonly RegExp[] = [
  new RegExp(`${ORDER}(?:always|never(?! mind))\\s+\\w+`, "i"),
  /\b(?:you|we)\s+(?:should|must|need to|have to)?\s*(?:always|never)\s+(?!been|had|seen|got|get|did|knew|know|worked|see|hit)\w+/i,
  /\bi(?:'d| would)?\s+(?:always |never |strongly |really )*(?:prefer|like|want)\s+(?:you |us )?(?:to )?(?:always|never)\b/i,
  /\b(?:from now on|going forward)\b.*\b(?:use|run|write|keep|put|do|don't|make|add|ask|commit|check)\b/i,
  new RegExp(`${ORDER}use\\s+\\S+.{0,60}\\b(?:not|instead of|rather than)\\s+\\S+`, "i"),
  /^(?:i|we)(?:'d)?\s+(?:strongly |generally |usually )?prefer\s+\S+.*\b(?:over|to|instead|rather|when|in)\b/i,
  /^we\s+(?:should|must|need to)\s+(?:be\s+)?\w+.*\b(?:wherever|whenever|everywhere|every time|each time)\b/i,
  /^if\b.*,\s*(?:always|never)\s+\w+/i,
  /\b(?:our|the) convention (?:is|here)\b|\bby convention\b|\bas a (?:general )?rule\b/i,
  /^(?:in|for) (?:this|our) (?:repo|repository|project|codebase|code base|team)\b,?\s.*\b(?:we|use|run|never|always|don't|must|should)\b/i,
  /^we\s+(?:don't|do not|use|only use|require|follow)\s+\w+.*\b(?:here|in (?:this|our)|for (?:all|every|our)|convention|style|tests|commits?)\b/i,
];
/** An order without "always" is meant for now, unless it is about how things are done in general. */
const GENERAL_DONT = new RegExp(`${ORDER}(?:don(?:'|’)?t|do not)\\s+(?:ever\\s+)?(?:use|add|write|create|commit|push|put|include|mention|mock|hard-?code|rely|skip|touch|edit|modify|import|log|print)\\b.*\\b(?:in (?:commit|tests?|comments?|the (?:code|docs))|comments?|commits?|to main|emojis?|co-author|directly|without|unless|ever|any\\s)`, "i");
/** It is about now, or about what is on the screen. */
const ONE_OFF = /\b(?:yet|for now|right now|this time|for the moment|at the moment|today|for this (?:pr|task|change|one|commit)|in this (?:pr|task|change|commit)|until (?:i|we|you)|first[,.]|next step|i think|i guess|maybe|perhaps|seems?|looks like|wondering|not sure|if (?:it|that)(?:'s| is)|the (?:above|following)|you (?:just|already)|line \d|as well|the one)\b/i;

const DECIDES = /\b(?:we (?:have )?decided|i(?:'ve| have)? decided|decision (?:is|was)|let(?:'|’)?s (?:go with|stick with|settle on|standardi[sz]e on)|we(?:'ll| will) (?:go with|stick with|settle on)|agreed[,:] (?:we|let's|use|keep))\b/i;
const AGENT_DECIDED = /\b(?:decided to|decision was|chose|by design|intentional(?:ly)?|on purpose|deliberately|trade-?off|i (?:kept|put|used|switched|moved|went with)\b)/i;
const AGENT_DEAD_END = /\b(?:did(?:n't| not) work|does(?:n't| not) work because|dead end|gave up on|had to revert|was reverted because|turns out)\b/i;
/** It says why by itself. */
const ROOT_CAUSE = /\broot cause(?:\s+(?:is|was)\s+(?!now|fixed)|:\s+)\w/i;
/** An offer, a condition or a plan is no fact. */
const UNSURE = /\?|\b(?:would|could|might|may|should|let me|i'll|i will|if you|want me|shall)\b/i;

/** Of what only the agent said, and of fixes, this many a session: all of it waits to be read by someone. */
const OF_AGENT = 3;
const FIXES = 4;
const LONGEST = 240;
/** Open items of a plan are given this long after the session, in milliseconds. */
const OPEN_FOR = 7 * 86_400_000;

export function extract(story: Story): Candidate[] {
  const shown = new Shown(story);
  return [...said(story, shown), ...agentSaid(story, shown), ...commands(story), ...fixes(story), ...plan(story, shown), ...episode(story, shown)];
}

/** Whether the user wants something to be so beyond this task. */
export function isLasting(sentence: string): boolean {
  if (sentence.endsWith("?") || sentence.length > LONGEST || ONE_OFF.test(sentence)) return false;
  return LASTING.some((shape) => shape.test(sentence)) || GENERAL_DONT.test(sentence);
}

export function isDecision(sentence: string): boolean {
  return !sentence.endsWith("?") && sentence.length <= LONGEST && DECIDES.test(sentence) && (sentence.match(/[a-z]{4,}/gi)?.length ?? 0) >= 4;
}

function said(story: Story, shown: Shown): Candidate[] {
  const found: Candidate[] = [];
  for (const turn of story.turns) {
    if (turn.kind !== "user") continue;
    for (const event of turn.events) {
      // Commands of the client and pasted plans are not the user's own sentences.
      if (event.type !== "prompt" || event.payload.kind !== "user" || event.thread !== undefined || isPasted(event.payload.text) || event.payload.text.startsWith("<")) continue;
      for (const sentence of sentences(event.payload.text, 12)) {
        const kind = isLasting(sentence) ? "constraint" : isDecision(sentence) ? "decision" : undefined;
        if (kind !== undefined) found.push({ ...common(story, sentence, event.time, event.id), kind, trust: shown.before(sentence, event.id) ? "tool" : "user", confidence: 0.8 });
      }
    }
  }
  return found;
}

function agentSaid(story: Story, shown: Shown): Candidate[] {
  const found: { candidate: Candidate; worth: number }[] = [];
  for (const [i, turn] of story.turns.entries()) {
    for (const event of turn.answers) {
      for (const sentence of sentences(event.payload.text)) {
        if (sentence.length > LONGEST || sentence.endsWith(":") || NARRATION.test(sentence) || UNSURE.test(sentence)) continue;
        const kind = REASON.test(sentence) && AGENT_DECIDED.test(sentence) ? "decision" : ROOT_CAUSE.test(sentence) || (REASON.test(sentence) && AGENT_DEAD_END.test(sentence)) ? "semantic" : undefined;
        if (kind === undefined) continue;
        const named = /`[^`]+`|\b\w+\.\w{1,4}\b/.test(sentence) ? 1 : 0;
        found.push({ worth: named + i / story.turns.length, candidate: { ...common(story, sentence, event.time, event.id), kind, trust: shown.before(sentence, event.id) ? "tool" : "inferred", confidence: 0.4 } });
      }
    }
  }
  return found.sort((a, b) => b.worth - a.worth).slice(0, OF_AGENT).map(({ candidate }) => candidate);
}

interface Run {
  readonly command: string;
  readonly call: string;
  readonly time: number;
  readonly passed: boolean;
}

function runsOf(turns: readonly Turn[]): Run[] {
  return turns.flatMap(({ calls }) =>
    calls.flatMap((call) => {
      const input = (call.input ?? {}) as Record<string, unknown>;
      const { command } = input;
      // What goes on in the background has not passed when the call returns.
      if (typeof command !== "string" || input["run_in_background"] === true || (call.outcome !== "returned" && call.outcome !== "failed")) return [];
      const head = verified(command);
      return head === undefined ? [] : [{ command: head, call: call.id, time: call.time, passed: !failed(call) }];
    }),
  );
}

/** Passed twice: once may be a mistyped filter that ran nothing. */
const PROVEN = 2;
/** One test of many is run for the work at hand. */
const NARROW = /\s(?:-run|-t|-k|-g|--grep|--testNamePattern|--filter|-bench)\b|::|\.(?:test|spec)\.\w+\b/;

function commands(story: Story): Candidate[] {
  const byCommand = new Map<string, Run[]>();
  for (const run of runsOf(story.turns)) byCommand.set(run.command, [...(byCommand.get(run.command) ?? []), run]);
  return [...byCommand].flatMap(([command, runs]) => {
    if (NARROW.test(command)) return [];
    const proven = runs.filter(({ passed }) => passed).length >= PROVEN;
    const { time } = runs.find(({ passed }) => passed) ?? runs[0]!;
    return [{ key: keyFrom("cmd", command), kind: "procedural" as const, statement: `\`${command}\``, scope: { level: "project" as const, project: story.summary.project }, trust: "inferred" as const, confidence: 0.7, valid_from: time, sources: runs.map(({ call }) => call), runs, ...(proven ? {} : { onlyKnown: true as const }) }];
  });
}

/** A command that failed, files that were then changed, the same command passing: what was changed is what fixed it, or part of it. */
function fixes(story: Story): Candidate[] {
  const { project } = story.summary;
  const open = new Map<string, { run: Run; files: Set<string> }>();
  const found: Candidate[] = [];
  for (const turn of story.turns) {
    const runs = new Map(runsOf([turn]).map((run) => [run.call, run]));
    const touched = new Map(turn.events.flatMap((event) => (event.type === "files.touched" ? [[event.payload.call, event.payload.files ?? []] as const] : [])));
    for (const { id } of turn.calls) {
      for (const { path, change } of touched.get(id) ?? []) if (change !== "read") for (const { files } of open.values()) files.add(path);
      const run = runs.get(id);
      if (run === undefined) continue;
      const before = open.get(run.command);
      if (!run.passed) {
        if (before === undefined) open.set(run.command, { run, files: new Set() });
        continue;
      }
      open.delete(run.command);
      if (before === undefined || before.files.size > 4) continue;
      const names = [...before.files].map((path) => shownPath(path, project)).filter(inProject);
      if (names.length === 0) continue;
      found.push({
        key: keyFrom("fix", `${run.command} ${before.run.call}`), kind: "episodic", trust: "inferred", confidence: 0.6, scope: { level: "project", project },
        statement: `\`${run.command}\` failed; it passed after changes to ${listed(names)}`, valid_from: before.run.time, valid_to: run.time, sources: [before.run.call, run.call],
      });
    }
  }
  return found.slice(-FIXES);
}

function plan(story: Story, shown: Shown): Candidate[] {
  const { id, project, ended } = story.summary;
  return story.tasks.filter(({ status }) => status !== "completed").flatMap(({ content, turn }): Candidate[] => {
    const at = story.turns.find(({ n }) => n === turn);
    const statement = clip(content, LONGEST);
    const noted = story.turns.flatMap(({ events }) => events).find((event) => event.type === "task.noted" && event.payload.tasks.some((task) => task.content === content));
    // A plan that was read from a file is in that file.
    if (shown.before(statement, noted?.id)) return [];
    return [{ key: keyFrom(`plan:${id.slice(0, 8)}`, statement), kind: "working", trust: "inferred", statement, confidence: 0.6, scope: { level: "project", project }, valid_from: at?.started ?? ended, valid_to: ended + OPEN_FOR, sources: noted === undefined ? [] : [noted.id] }];
  });
}

/** What the session was: its title, the files it changed, and the names that were at work in them. */
function episode(story: Story, shown: Shown): Candidate[] {
  const { id, title, project, started, ended, ending, turns } = story.summary;
  const changed = [...new Set(story.turns.flatMap(({ files }) => files.filter(({ change }) => change !== "read").map(({ path }) => shownPath(path, project)).filter(inProject)))];
  const first = story.turns.find(({ kind }) => kind === "user");
  if (first === undefined || title === "" || (changed.length === 0 && turns < 2)) return [];
  const names = namesIn(story);
  // Words that a tool had shown are no name for it.
  const named = shown.before(title, first.id) ? [] : [`“${clip(title, 120)}”`];
  const statement = [...named, `${turns} ${turns === 1 ? "turn" : "turns"}, ${ending}`, ...(changed.length === 0 ? [] : [`changed ${listed(changed)}`]), ...(names.length === 0 ? [] : [`names ${names.join(", ")}`])].join("; ");
  return [{ key: `session:${id}`, kind: "episodic", trust: "inferred", statement, confidence: 0.9, scope: { level: "project", project }, valid_from: started, valid_to: Math.max(ended, started + 1), sources: [first.events[0]?.id ?? first.id] }];
}

/** Names the agent wrote into files most often, of those whose shape tells them from words. */
function namesIn(story: Story): string[] {
  const counts = new Map<string, number>();
  for (const { input } of story.turns.flatMap(({ calls }) => calls)) {
    const { new_string: written, old_string: replaced } = (input ?? {}) as Record<string, unknown>;
    if (typeof written !== "string" || typeof replaced !== "string") continue;
    for (const name of new Set(`${written}\n${replaced}`.match(/\b(?:[a-z]+[a-z0-9]*[A-Z]\w{2,40}|[A-Z][a-z0-9]+[A-Z]\w{2,40}|[a-z]+_[a-z]\w{2,40})\b/g) ?? [])) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 6).map(([name]) => name);
}

/** The agent's own notes and what lies in other projects is not this one's. */
function inProject(path: string): boolean {
  return !/^(?:[/\\~]|[A-Za-z]:)/.test(path);
}

const LISTED = 6;

function listed(names: readonly string[]): string {
  const some = names.slice(0, LISTED).map((name) => (name.length > 100 ? baseName(name) : name)).join(", ");
  return names.length > LISTED ? `${some} and ${names.length - LISTED} more` : some;
}

/** A key of any words: what cannot stand in one is left out. */
function keyFrom(prefix: string, words: string): string {
  const plain = words.replace(/[\n;<>]/g, "").trim();
  return plain.length <= 120 ? `${prefix}:${plain}` : `${prefix}:${sha256Hex(words).slice(0, 12)}`;
}

function common(story: Story, statement: string, time: number, source: string): Pick<Candidate, "key" | "statement" | "scope" | "valid_from" | "sources"> {
  return { key: defaultKey(statement), statement, scope: { level: "project", project: story.summary.project }, valid_from: time, sources: [source] };
}
