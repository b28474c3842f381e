/** `tidemark import`: reads what agents have left, and says what is safe now. */
import { homedir } from "node:os";
import { join } from "node:path";
import { plural, printable } from "../../base/text.ts";
import { importSessions, type ImportReport } from "../../operations/import.ts";
import { TidemarkError } from "../../base/errors.ts";
import type { CommandSpec, Context } from "../command.ts";
import type { Terminal } from "../terminal.ts";

export const command: CommandSpec = {
  args: "[path...]",
  options: [{ flags: "--within <days>", text: "count sessions the agent's clean-up deletes within this many days", default: "7" }],
  help: `
Keep every session that agents have left on this machine

Reads what Claude Code (CLAUDE_CONFIG_DIR, else ~/.claude), Codex CLI (CODEX_HOME, else ~/.codex), Gemini CLI
(GEMINI_CLI_HOME, else ~, below .gemini) and opencode (XDG_DATA_HOME, else ~/.local/share, below opencode) keep of their
sessions, or the files and folders given, whichever of them wrote those. Prompts of Claude Code's sessions that were
already purged are rescued from its prompt history. Agents' files are only read, their databases from a copy.

Running it again adds only what is new. Stopped half-way, it goes on where it was. Lines that cannot be read are
counted and named; the rest of their file still loads. JSON lines written by "tidemark export" are taken back as they
were.`,
  run: async ({ args, options }, context) => {
    const withinDays = Number(options["within"]);
    if (!Number.isFinite(withinDays) || withinDays < 0) throw new TidemarkError("BAD_VALUE", `--within takes a number of days, not ${String(options["within"])}`);
    const report = await runImport(context, args, withinDays);
    const { files, lines, accounted, added, duplicates, rescued, quarantined, expiring, ...more } = report;
    context.terminal.answer({ files, lines, accounted, added, duplicates, rescued, quarantined, expiring, ...more }, () => sayReport(context.terminal, report));
    return 0;
  },
};

async function runImport({ terminal, store, home, environment, now }: Context, paths: readonly string[], withinDays: number): Promise<ImportReport> {
  return importSessions(await store(), {
    paths,
    places: { home: homedir(), environment, platform: process.platform },
    scratch: join(home, "import"),
    now,
    withinDays,
    progress: ({ files, ofFiles, bytes, ofBytes }) => terminal.progress(`${files} of ${plural(ofFiles, "file")}`, bytes, ofBytes),
  });
}

const SHOWN = 10;

function sayReport(terminal: Terminal, report: ImportReport): void {
  const number = (value: number): string => value.toLocaleString("en-US");
  // A file that could not be read as a whole is not safe, and is named below.
  const refused = new Set(report.quarantined.filter(({ line }) => line === 0).map(({ file }) => file)).size;
  const safe = Math.max(0, report.files - refused);
  if (report.files === 0) {
    terminal.line("No transcripts were found. When an agent has worked on this machine, run this again.");
  } else {
    terminal.line(`${terminal.style("bold", `${plural(safe, "transcript")} ${safe === 1 ? "is" : "are"} safe here now`)}: ${plural(report.lines, "line")}, all ${number(report.accounted)} accounted for.`);
    terminal.line(`  ${number(report.added)} events added, ${number(report.duplicates)} were there before${report.unchanged > 0 ? ` (${plural(report.unchanged, "file")} unchanged)` : ""}; ${plural(report.sessions, "session")} updated.`);
  }
  if (report.agents.length > 1 || report.agents.some(({ agent }) => agent !== "claude-code")) {
    for (const { agent, files, sessions, added } of report.agents) terminal.line(`    ${agent.padEnd(12)} ${plural(sessions, "session")} in ${plural(files, "source")}, ${number(added)} events new`);
  }
  if (report.rescued > 0) terminal.line(`  ${plural(report.rescued, "prompt")} rescued of sessions whose transcripts are gone.`);
  const secrets = Object.values(report.redacted).reduce((sum, count) => sum + count, 0);
  if (secrets > 0) terminal.line(`  ${plural(secrets, "secret")} taken out before storing: ${Object.entries(report.redacted).map(([family, count]) => `${family} ${count}`).join(", ")}.`);
  if (report.missing_parents > 0) terminal.line(`  ${plural(report.missing_parents, "record")} whose predecessor is missing; joined to the record before.`);
  if (report.quarantined.length > 0) {
    terminal.line(terminal.style("yellow", `  ${plural(report.quarantined.length, "place")} could not be read and ${report.quarantined.length === 1 ? "was" : "were"} set aside:`));
    for (const { file, line, reason } of report.quarantined.slice(0, SHOWN)) terminal.line(`    ${printable(file)}${line > 0 ? `:${line}` : ""}  ${reason}`);
    if (report.quarantined.length > SHOWN) terminal.line(`    … and ${report.quarantined.length - SHOWN} more (--json lists all)`);
  }
  const { sessions, within_days } = report.expiring;
  if (sessions > 0) terminal.line(`  The agent's own clean-up would delete ${plural(sessions, "transcript")} within ${plural(within_days, "day")}; what they hold is safe here.`);
}
