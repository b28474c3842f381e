/** `tidemark doctor`: what the store is like, and mending what can be mended. */
import { existsSync } from "node:fs";
import { plural } from "../../base/text.ts";
import { examine } from "../../operations/doctor.ts";
import { transcriptsFolder } from "../../agents/claude-code/sources.ts";
import type { CommandSpec } from "../command.ts";
import { bytes } from "../format.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Examine the store, and mend what can safely be mended

Shows where things are, how much disk they take and how long the checks took. The text index and the summaries are built
anew from the log when they differ from it; large texts that nothing refers to are removed. The log itself is never
altered. Exits 1 when damage is left.`,
  run: async (_, context) => {
    const { terminal, home, configDir, version } = context;
    const store = await context.store();
    const { driverName } = await import("../../store/sqlite/driver.ts");
    const health = await examine(store, () => performance.now(), (label, done, total) => terminal.progress(label, done, total));
    const transcripts = transcriptsFolder(configDir);
    const about = { version, node: process.version, sqlite: driverName(), home, transcripts, transcripts_found: existsSync(transcripts) };
    terminal.answer({ ...about, ...health }, () => {
      const rows: [string, string][] = [
        ["tidemark", `${version}, Node ${process.version}, ${about.sqlite}`],
        ["state", home],
        ["transcripts", `${transcripts}${about.transcripts_found ? "" : " (not there: no agent has run here)"}`],
        ["kept", `${plural(health.sessions, "session")}, ${plural(health.events, "event")}`],
        ["disk", Object.entries(health.bytes).filter(([, size]) => size > 0).map(([name, size]) => `${name} ${bytes(size)}`).join(", ")],
        ["time", Object.entries(health.seconds).map(([name, seconds]) => `${name} ${seconds} s`).join(", ")],
      ];
      for (const [name, value] of rows) terminal.line(`${terminal.style("dim", name.padEnd(12))} ${value}`);
      for (const text of health.mended) terminal.line(`${terminal.style("green", "mended")}       ${text}`);
      for (const { code, where, message } of health.left) terminal.line(`${terminal.style("red", code)}  ${where}: ${message}`);
      if (health.left.length === 0) terminal.line(`${terminal.style("green", "Sound.")}`);
      else terminal.line("What is damaged in the log cannot be rebuilt from anything here; `tidemark import` adds again what the agent's files still hold.");
    });
    return health.left.length === 0 ? 0 : 1;
  },
};
