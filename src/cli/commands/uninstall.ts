/** `tidemark uninstall`: takes back what `init` changed. */
import { plural } from "../../base/text.ts";
import type { Change } from "../../operations/entries.ts";
import { uninstallClients } from "../../operations/init-client.ts";
import { uninstall } from "../../operations/init.ts";
import type { CommandSpec } from "../command.ts";
import { sayChanges } from "../changed-files.ts";
import { clientMachineOf, machineOf } from "../machine.ts";


const WORDS: Partial<Record<Change, string>> = {
  restored: "is again what it was before, byte for byte",
  deleted: "was not there before, and is gone",
  changed: "was changed by others since: their changes stay, the entries of Tidemark are out",
};

export const command: CommandSpec = {
  args: "",
  options: [{ flags: "--dry-run", text: "show what would be changed and change nothing" }],
  help: `
Take back what init changed

Hooks and the MCP server are taken out of every agent they were put into. A settings file that nobody else has written to since gets its bytes back. From any other only the entries of Tidemark are
taken out, and later changes stay. What was kept of your sessions stays, too.`,
  run: async ({ options }, context) => {
    const { terminal, home } = context;
    const dryRun = options["dryRun"] === true;
    const report = uninstall(machineOf(context), { dryRun });
    const others = uninstallClients(clientMachineOf(context), { dryRun });
    for (const warning of [...report.warnings, ...others.warnings]) terminal.warn(warning);
    const data = { state: report.state === "absent" && others.changed ? ("uninstalled" as const) : report.state, files: [...report.files, ...others.files] };
    const changed = data.files.filter(({ change }) => change !== "none");
    terminal.answer({ ...data, home }, () => {
      if (changed.length === 0) return terminal.line("Not installed: nothing to do.");
      if (dryRun) {
        sayChanges(terminal, changed);
        terminal.line();
        return terminal.line("Nothing was changed. tidemark uninstall does it.");
      }
      terminal.line(`${terminal.style("green", "Uninstalled")}: ${plural(changed.length, "file")} changed back.`);
      for (const { path, change } of changed) terminal.line(`  ${path} ${WORDS[change]}`);
      terminal.line();
      terminal.line(`Your history stays in ${home}; delete that folder to be rid of it.`);
      terminal.line("A session that runs now keeps its hooks until it ends.");
    });
    return 0;
  },
};
