/** `tidemark sessions`: the list, or the tree of what came from what. */
import { listSessions } from "../../operations/sessions.ts";
import { projectOf } from "../../worktree/project.ts";
import type { SessionSummary } from "../../session/summary.ts";
import type { CommandSpec, Context } from "../command.ts";
import { count, project as projectOption } from "../options.ts";
import { age, amount, ENDING_WORDS, endingStyle, sessionJson, tokenSum } from "../format.ts";
import { clip, plural } from "../../base/text.ts";

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--here", text: "only sessions of the project this directory belongs to" },
    projectOption,
    { flags: "--tree", text: "show which session was forked or resumed from which" },
    { flags: "--limit <n>", text: "how many to list", default: "30" },
  ],
  help: `
List the sessions that are kept, newest first

Each with its age, number of turns, files changed, tokens (read anew and written; cache reads left out), cost where the
agent says it, how it ended, and its name: the one the user gave, the agent's own title, or its first words.`,
  run: async ({ options }, context) => {
    const limit = count(options["limit"], "--limit");
    const project = options["here"] === true ? projectOf(context.cwd) : typeof options["project"] === "string" ? projectOf(options["project"]) : undefined;
    const all = (await listSessions(await context.caughtUp())).filter((summary) => project === undefined || summary.project === project);
    const shown = all.slice(0, limit);
    context.terminal.answer(shown.map(sessionJson), () => say(context, all, shown, options["tree"] === true));
    return 0;
  },
};

function say({ terminal, now }: Context, all: readonly SessionSummary[], shown: readonly SessionSummary[], tree: boolean): void {
  if (all.length === 0) {
    terminal.line("No sessions yet. `tidemark import` takes in what agents have left on this machine.");
    return;
  }
  const rows = tree ? asTree(shown, all) : shown.map((summary) => ({ summary, indent: "" }));
  const projects = new Set(shown.map(({ project }) => project)).size > 1;
  const costs = shown.some(({ cost_usd }) => cost_usd !== undefined);
  terminal.table(
    [
      { title: "id", style: () => "cyan" }, { title: "age", align: "right" }, { title: "turns", align: "right" }, { title: "files", align: "right" }, { title: "tokens", align: "right" },
      ...(costs ? [{ title: "cost", align: "right" as const }] : []), { title: "ended", style: endingStyle }, ...(projects ? [{ title: "project", flexible: true, style: () => "dim" as const }] : []), { title: "name", flexible: true },
    ],
    rows.map(({ summary, indent }) => [
      shortId(summary.id), age(summary.ended, now), String(summary.turns), String(summary.files), amount(tokenSum(summary.tokens)),
      ...(costs ? [summary.cost_usd === undefined ? "" : `$${summary.cost_usd.toFixed(2)}`] : []), ENDING_WORDS[summary.ending], ...(projects ? [tail(summary.project)] : []),
      `${indent}${summary.title}${summary.relation === undefined ? "" : ` (${summary.relation} from ${shortId(summary.parent!)})`}`,
    ]),
  );
  if (all.length > shown.length) terminal.line(terminal.style("dim", `… and ${plural(all.length - shown.length, "older session")} (--limit ${all.length} lists all)`));
}

/** Children under their parents; a parent that is not listed is not invented. */
function asTree(shown: readonly SessionSummary[], all: readonly SessionSummary[]): { summary: SessionSummary; indent: string }[] {
  const listed = new Set(shown.map(({ id }) => id));
  const children = new Map<string, SessionSummary[]>();
  const roots: SessionSummary[] = [];
  for (const summary of shown) {
    if (summary.parent !== undefined && listed.has(summary.parent) && summary.parent !== summary.id) children.set(summary.parent, [...(children.get(summary.parent) ?? []), summary]);
    else roots.push(summary);
  }
  const rows: { summary: SessionSummary; indent: string }[] = [];
  const visited = new Set<string>();
  const visit = (summary: SessionSummary, before: string, last: boolean, depth: number): void => {
    if (visited.has(summary.id)) return;
    visited.add(summary.id);
    rows.push({ summary, indent: depth === 0 ? "" : `${before}${last ? "└─ " : "├─ "}` });
    const below = (children.get(summary.id) ?? []).toSorted((a, b) => a.started - b.started);
    for (const [i, child] of below.entries()) visit(child, depth === 0 ? "" : `${before}${last ? "   " : "│  "}`, i === below.length - 1, depth + 1);
  };
  for (const root of roots) visit(root, "", true, 0);
  // Two sessions that each name the other as parent would otherwise vanish.
  for (const summary of all) if (listed.has(summary.id)) visit(summary, "", true, 0);
  return rows;
}

export function shortId(id: string): string {
  return /^[0-9a-f]{8}-/.test(id) ? id.slice(0, 8) : id.slice(0, 28);
}

function tail(path: string): string {
  const [last = "", ...above] = path.split("/").reverse();
  const both = above[0] ? `${above[0]}/${last}` : last;
  return both.length <= 22 ? both : clip(last, 22);
}
