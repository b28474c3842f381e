/** `tidemark search`: words in everything that was said and shown. */
import { clip, printable } from "../../base/text.ts";
import type { Role } from "../../event/text.ts";
import { searchSessions, type FoundText } from "../../operations/search.ts";
import { listSessions } from "../../operations/sessions.ts";
import { matches, parseQuery } from "../../store/ranking.ts";
import type { CommandSpec, Context } from "../command.ts";
import { age, iso } from "../format.ts";
import { count } from "../options.ts";
import { columnWidth, wrap } from "../terminal.ts";
import { WHERE, whichTexts } from "../which-texts.ts";
import { shortId } from "./sessions.ts";

const ROLES: readonly Role[] = ["user", "assistant", "tool", "system"];

export const command: CommandSpec = {
  args: "<query...>",
  options: [
    ...WHERE,
    { flags: "--role <role>", text: "only words of user, assistant, tool or system" },
    { flags: "--tool <name>", text: "only calls of this tool" },
    { flags: "--agent <name>", text: "only sessions of this agent" },
    { flags: "--file <name>", text: "only where this file is named too" },
    { flags: "--since <time>", text: "not older than a date (2026-01-31) or an age (7d)" },
    { flags: "--until <time>", text: "not newer than that" },
    { flags: "--limit <n>", text: "how many hits", default: "10" },
  ],
  help: `
Find words in every session that is kept

Ask in your own words; rare words count more, and what people said comes before what tools printed. Names are found by
their parts ("parse config" finds parseConfigFile). Put words in double quotes to have them together.`,
  run: async ({ args, options }, context) => {
    const store = await context.caughtUp();
    const query = args.join(" ");
    const result = await searchSessions(store, query, {
      limit: count(options["limit"], "--limit"),
      length: context.terminal.json ? 1500 : 480,
      ...(await whichTexts(store, options, context, ROLES)),
      ...(typeof options["tool"] === "string" ? { tool: options["tool"] } : {}),
      ...(typeof options["file"] === "string" ? { file: options["file"] } : {}),
    });
    const titles = new Map((await listSessions(store)).map(({ id, title }) => [id, title]));
    const hits = result.hits.map(({ time: at, ...hit }) => ({ ...hit, time: iso(at) }));
    context.terminal.answer({ hits, path: result.path, more: result.more }, () => say(context, query, result.hits, result, titles));
    return 0;
  },
};

function say({ terminal, now }: Context, query: string, hits: readonly FoundText[], { path, more }: { path: string; more: boolean }, titles: ReadonlyMap<string, string>): void {
  if (hits.length === 0) {
    terminal.line(`Nothing found (${path}).`);
    return;
  }
  const parsed = parseQuery(query)!;
  for (const hit of hits) {
    const who = hit.tool === undefined ? hit.role : `${hit.role} ${hit.tool}`;
    const [id, where] = [shortId(hit.session), `${hit.turn === 0 ? "" : `turn ${hit.turn}, `}${who}, ${age(hit.time, now)} ago`];
    const title = clip(printable(titles.get(hit.session) ?? ""), Math.max(0, terminal.width - columnWidth(`${id} ${where}  `)));
    terminal.line(`${terminal.style("cyan", id)} ${printable(where)}  ${terminal.style("dim", title)}`);
    for (const line of wrap(printable(hit.text), terminal.width - 2).split("\n")) terminal.line(`  ${highlighted(line)}`);
    terminal.line();
  }
  const last = `${path}${more ? "; more with --limit" : ""}. \`tidemark show SESSION --turn N\` shows a turn whole.`;
  for (const line of wrap(last, terminal.width).split("\n")) terminal.line(terminal.style("dim", line));

  function highlighted(line: string): string {
    let result = "";
    let at = 0;
    for (const [from, to] of matches(parsed, line)) {
      result += line.slice(at, from) + terminal.style("yellow", line.slice(from, to));
      at = to;
    }
    return result + line.slice(at);
  }
}
