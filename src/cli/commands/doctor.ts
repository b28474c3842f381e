/** `tidemark doctor`: what the store is like, and mending what can be mended; with `--repair`, a transcript mended into a new file. */
import { existsSync } from "node:fs";
import { plural } from "../../base/text.ts";
import { examine } from "../../operations/doctor.ts";
import { repairSession, type RepairReport } from "../../operations/repair.ts";
import { transcriptsFolder } from "../../agents/claude-code/sources.ts";
import type { CommandSpec, Context } from "../command.ts";
import { bytes } from "../format.ts";
import type { Terminal } from "../terminal.ts";
import { isAlive } from "../processes.ts";
import { checkCheckpoints, checkpointsHere } from "../trees.ts";

export const command: CommandSpec = {
  args: "",
  options: [{ flags: "--repair <session>", text: "mend a session's damaged transcript into a new file: an id, the beginning of one, a name, or a path" }],
  help: `
Examine the store, and mend what can safely be mended

Shows where things are, how much disk they take and how long the checks took. The text index and the summaries are built
anew from the log when they differ from it; large texts that nothing refers to are removed. The log itself is never
altered. Exits 1 when damage is left.

With --repair only the agent's transcript of that session is looked at. What is whole in it goes into a new file under
a new session id in the state folder, and the commands that put it in place and take it up are printed. The original is
never written, and a sound one gives no file. Damaged and repeated records and results without a call are left out, torn
links are tied anew, and open calls get an answer saying that the outcome is unknown. docs/recovery.md has the details.

With --repair the data is {session, original, running, lines, sound, done: [{kind, line, what}], counts, kept, added,
changed, repaired}; kind is torn, damaged, rescued, mark, bytes, duplicate, orphan, relinked, loop, moved or unanswered;
changed counts records by the member that differs; running is a process id or null; repaired is null where nothing was
to be done, else {session, path, existed, place, placed, commands}.`,
  run: async ({ options }, context) => {
    if (typeof options["repair"] === "string") return repairOne(options["repair"], context);
    const { terminal, home, configDir, version } = context;
    const store = await context.store();
    const { driverName } = await import("../../store/sqlite/driver.ts");
    const log = await examine(store, () => performance.now(), (label, done, total) => terminal.progress(label, done, total));
    const [kept, checked] = [checkpointsHere(context), checkCheckpoints(context)];
    const damage = checked?.problems ?? [];
    const health = { ...log, problems: [...log.problems, ...damage], left: [...log.left, ...damage], checkpoints: kept === undefined ? null : { total: kept.total, bytes: kept.bytes, here: kept.here, problems: damage.length } };
    const transcripts = transcriptsFolder(configDir);
    const about = { version, node: process.version, sqlite: driverName(), home, transcripts, transcripts_found: existsSync(transcripts) };
    terminal.answer({ ...about, ...health }, () => {
      const rows: [string, string][] = [
        ["tidemark", `${version}, Node ${process.version}, ${about.sqlite}`],
        ["state", home],
        ["transcripts", `${transcripts}${about.transcripts_found ? "" : " (not there: no agent has run here)"}`],
        ["kept", `${plural(health.sessions, "session")}, ${plural(health.events, "event")}`],
        ["disk", Object.entries(health.bytes).filter(([, size]) => size > 0).map(([name, size]) => `${name} ${bytes(size)}`).join(", ")],
        ...(kept === undefined ? [] : [["checkpoints", `${kept.total.toLocaleString("en-US")}, ${kept.here.toLocaleString("en-US")} of them here, in ${bytes(kept.bytes)}`] as [string, string]]),
        ["time", Object.entries(health.seconds).map(([name, seconds]) => `${name} ${seconds} s`).join(", ")],
      ];
      for (const [name, value] of rows) terminal.line(`${terminal.style("dim", name.padEnd(12))} ${value}`);
      for (const text of health.mended) terminal.line(`${terminal.style("green", "mended")}       ${text}`);
      for (const { code, where, message } of health.left) terminal.line(`${terminal.style("red", code)}  ${where}: ${message}`);
      if (health.left.length === 0) terminal.line(`${terminal.style("green", "Sound.")}`);
      else if (health.left.length > damage.length) terminal.line("What is damaged in the log cannot be rebuilt from anything here; `tidemark import` adds again what the agent's files still hold.");
      if (damage.length > 0) terminal.line("What is damaged in the checkpoints cannot be restored; everything else in them can.");
    });
    return health.left.length === 0 ? 0 : 1;
  },
};

async function repairOne(wanted: string, { terminal, home, configDir, cwd, store }: Context): Promise<number> {
  const report = await repairSession({ wanted, configDir, home, cwd, store, isAlive });
  if (report.running !== null) {
    terminal.warn(`The session is open in process ${report.running}, which may still be writing: a call that looks unanswered may be at work. The original is only read; end that process before the repaired session is taken up.`);
  }
  terminal.answer(report, () => say(terminal, report));
  return 0;
}

/** Lines named of each kind; --json lists all. */
const SHOWN = 5;

const KINDS: Record<string, string> = {
  torn: "torn at the end",
  damaged: "damaged",
  rescued: "rescued from a line",
  mark: "byte order mark",
  bytes: "not UTF-8",
  duplicate: "repeated",
  orphan: "result, no call",
  relinked: "tied anew",
  loop: "loop opened",
  moved: "moved down",
  unanswered: "call, no result",
};

function say(terminal: Terminal, { original, lines, sound, done, counts, kept, added, changed, repaired }: RepairReport): void {
  const row = (name: string, value: string): void => terminal.line(`${terminal.style("dim", name.padEnd(12))} ${value}`);
  row("original", `${original} (${plural(lines, "line")}; only read)`);
  if (repaired === null || sound) return terminal.line(`${terminal.style("green", "Sound.")} Nothing is to be repaired, and nothing was written.`);
  row("repaired", `${repaired.path}${repaired.existed ? " (was there from an earlier run)" : ""}`);
  terminal.line();
  for (const [kind, count] of Object.entries(counts)) {
    const some = done.filter((each) => each.kind === kind);
    terminal.line(`${(KINDS[kind] ?? kind).padEnd(20)} ${count}`);
    for (const { line, what } of some.slice(0, SHOWN)) terminal.line(`  line ${line}: ${what}`);
    if (some.length > SHOWN) terminal.line(`  … and ${some.length - SHOWN} more (--json lists all)`);
  }
  terminal.line();
  const differing = Object.entries(changed).map(([name, count]) => `${name} in ${count.toLocaleString("en-US")}`).join(", ");
  terminal.line(`${plural(kept, "record")} of the original kept, byte for byte${differing === "" ? "" : ` except ${differing}`}; ${added} added.`);
  const [first, ...rest] = repaired.commands;
  if (repaired.place === null) terminal.line("The folder that the agent would look for it in is not known: copy it beside the other sessions of its project first.");
  if (repaired.placed) terminal.line("It was put in place before.");
  if (first !== undefined) terminal.line(`Next: ${first}`);
  for (const next of rest) terminal.line(`      ${next}`);
}
