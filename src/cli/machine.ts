/** What `init` and `uninstall` have to know of the machine they run on. */
import { existsSync, realpathSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, delimiter, isAbsolute, join } from "node:path";
import type { ClientMachine } from "../operations/init-client.ts";
import type { Machine } from "../operations/init.ts";
import { barrierFolder, spoolFolder } from "../operations/spool.ts";
import { wordsFolder } from "../operations/tell.ts";
import type { Context } from "./command.ts";

export function machineOf({ environment, configDir, home, now }: Context): Machine {
  const searchPath = environment["PATH"] ?? environment["Path"] ?? "";
  return {
    configDir,
    // With CLAUDE_CONFIG_DIR everything of the client is there, otherwise this one file stands beside its folder.
    accountFile: join((environment["CLAUDE_CONFIG_DIR"] ?? "") === "" ? homedir() : configDir, ".claude.json"),
    managedDir: { darwin: "/Library/Application Support/ClaudeCode", win32: "C:\\Program Files\\ClaudeCode" }[process.platform as string] ?? "/etc/claude-code",
    wiring: { node: lastingNode(process.execPath, searchPath), script: realpathSync(process.argv[1]!), home, spool: spoolFolder(home), barrier: barrierFolder(home), words: wordsFolder(home) },
    searchPath,
    tempDir: realpathSync(tmpdir()),
    ci: !["", "0", "false"].includes(environment["CI"] ?? ""),
    now,
  };
}

export function clientMachineOf(context: Context): ClientMachine {
  const { searchPath, ci, now, wiring } = machineOf(context);
  return { places: { home: homedir(), environment: context.environment, platform: process.platform }, server: wiring, searchPath, ci, now };
}

/** Homebrew keeps each version in a folder of its own and takes it away at the next upgrade; its link on the PATH stays. */
function lastingNode(node: string, searchPath: string): string {
  if (!node.includes("/Cellar/")) return node;
  const links = searchPath.split(delimiter).filter(isAbsolute).map((folder) => join(folder, basename(node)));
  return links.find((link) => !link.includes("/Cellar/") && existsSync(link) && realpathSync(link) === realpathSync(node)) ?? node;
}
