/** `tidemark recall`: what past sessions say to a question. */
import { ago } from "../../base/age.ts";
import { printable } from "../../base/text.ts";
import type { Role } from "../../event/text.ts";
import { costOf, isLocalSetting, readEmbedder } from "../../operations/embedder.ts";
import { likelyFor, type LikelyFile } from "../../operations/likely.ts";
import { recallFrom } from "../../operations/recall-from.ts";
import type { Recalled, RecallResult } from "../../operations/recall.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec, Context } from "../command.ts";
import { iso } from "../format.ts";
import { count, time } from "../options.ts";
import { wrap } from "../terminal.ts";
import { WHERE, whichTexts } from "../which-texts.ts";
import { shortId } from "./sessions.ts";

const ROLES: readonly Role[] = ["user", "assistant", "system"];

export const command: CommandSpec = {
  args: "<question...>",
  options: [
    ...WHERE,
    { flags: "--branch <name>", text: "only sessions that began on this branch" },
    { flags: "--role <role>", text: "only words of user, assistant or system" },
    { flags: "--agent <name>", text: "only sessions of this agent" },
    { flags: "--since <time>", text: "not older than a date (2026-01-31) or an age (7d)" },
    { flags: "--until <time>", text: "not newer than that" },
    { flags: "--as-of <time>", text: "as it stood then: memories that held, and what had been said" },
    { flags: "--files", text: "for a request: the files of this project that it will probably change" },
    { flags: "--limit <n>", text: "how many answers", default: "10" },
    { flags: "--tokens <n>", text: "most tokens of all answers together", default: "1500" },
  ],
  help: `
Ask past sessions a question

Ask in your own words: memories, prompts and answers are found by their words, by what was said just before and after them, by
who said them and by days you name ("last Tuesday", "in May"). Of hits that fit alike those of the branch you are on come
first, then those of branches it holds. Any text will do; nothing you type is an operator. Double quotes bring passages
that hold a text to the top. "What was I doing last Tuesday afternoon?" brings the sessions of that time. For a request --files adds files that it will probably change. What tools printed is found by \`tidemark search\`.`,
  run: async ({ args, options }, context) => {
    const store = await context.caughtUp();
    const texts = await whichTexts(store, options, context, ROLES);
    const { project } = texts;
    const at = asOf(options["asOf"], context.now);
    const { own, ...result } = await recallFrom(store, args.join(" "), {
      cwd: context.cwd,
      home: context.home,
      environment: context.environment,
      ticks: () => performance.now(),
      now: context.now,
      limit: count(options["limit"], "--limit"),
      tokens: count(options["tokens"], "--tokens"),
      length: context.terminal.json ? 1600 : 480,
      ahead: -new Date(context.now).getTimezoneOffset(),
      progress: (done, total) => context.terminal.progress("taking in what was said", done, total),
      ...texts,
      ...(at === undefined ? {} : { at }),
      ...(typeof options["branch"] === "string" ? { branch: options["branch"] } : {}),
    });
    const { items, warnings, spent, ...about } = result;
    for (const warning of warnings) context.terminal.warn(warning);
    const files = options["files"] === true ? await likelyFor(store, args.join(" "), { project: project ?? projectOf(context.cwd), now: context.now, limit: LIKELY, ...(own === undefined ? {} : { branch: own }) }) : [];
    context.terminal.answer({ items: items.map(itemJson), ...about, ...(spent === undefined ? {} : { spent: spentJson(spent, context) }), ...(options["files"] === true ? { files } : {}) }, () => {
      say(context, result);
      if (options["files"] === true) sayFiles(context, files);
    });
    return 0;
  },
};

/** A day is meant as a whole: what was said on it counts. */
function asOf(value: string | boolean | undefined, now: number): number | undefined {
  const at = time(value, "--as-of", now);
  return at !== undefined && /^\d{4}-\d\d-\d\d$/.test(String(value)) ? at + DAY - 1 : at;
}

const DAY = 86_400_000;

function spentJson(spent: NonNullable<RecallResult["spent"]>, { home }: Context): Record<string, number> {
  const setting = readEmbedder(home);
  const cost = setting === undefined || isLocalSetting(setting) ? undefined : costOf(spent.tokens, setting.price);
  return { ...spent, ...(cost === undefined ? {} : { cost }) };
}

function itemJson({ key, valid_from, valid_to, recorded_at, role, speaker, branch, ...item }: Recalled): Record<string, unknown> {
  return { ...item, key: key ?? null, valid_from: iso(valid_from), valid_to: valid_to === undefined ? null : iso(valid_to), recorded_at: iso(recorded_at), role: role ?? null, speaker: speaker ?? null, branch: branch ?? null };
}

const LIKELY = 10;

function sayFiles({ terminal }: Context, files: readonly LikelyFile[]): void {
  terminal.line();
  terminal.line(terminal.style("bold", files.length === 0 ? "No files of this project are likely." : "Likely files:"));
  for (const { path, reasons } of files) terminal.line(`  ${printable(path)}  ${terminal.style("dim", reasons.slice(0, 2).join(", "))}`);
}

const CHECKS: Record<Recalled["check"], string> = { current: ", its files as they were", changed: ", its files changed since", gone: ", of files that are gone", unverified: "" };

function whatOf({ kind, key, trust, scope }: Recalled): string {
  if (key?.startsWith("session:") === true) return "a session of that time";
  return `memory, ${kind}, ${trust === "user" ? "said by you" : trust === "tool" ? "from a tool" : "worked out"}, ${scope.split(" ")[0]!}`;
}

/** What the tree contradicts is said to be what it is: no fact. */
function staleness({ check, why }: Recalled): string {
  if (check === "current") return ", still so";
  return check === "unverified" ? "" : `; NO LONGER SO, ${[check, ...why.slice(0, 3)].join(": ")}`;
}

function say({ terminal, now }: Context, { items, path, left_out, more }: RecallResult): void {
  if (items.length === 0) {
    terminal.line(`Nothing found (${path}).`);
    return;
  }
  for (const item of items) {
    const { statement, id, sources, role, recorded_at, branch } = item;
    const source = role === undefined ? undefined : sources[0];
    const where = source === undefined ? whatOf(item) : `${source.turn === 0 ? "" : `turn ${source.turn}, `}${item.speaker ?? role}`;
    const when = `${ago(role === undefined ? item.valid_from : recorded_at, now)}${branch === undefined ? "" : ` on ${branch}`}`;
    terminal.line(`${terminal.style("cyan", shortId(source?.session ?? id))} ${printable(`${where}, ${when}${role === undefined ? staleness(item) : CHECKS[item.check]}${item.found_by === "meaning" ? ", by meaning" : ""}`)}`);
    for (const line of wrap(printable(statement), terminal.width - 2).split("\n")) terminal.line(`  ${line}`);
    terminal.line();
  }
  const further = left_out > 0 || more ? "; more with --limit and --tokens" : "";
  for (const line of wrap(`Found by ${path}${further}. \`tidemark show SESSION --turn N\` shows a turn whole.`, terminal.width).split("\n")) terminal.line(terminal.style("dim", printable(line)));
}
