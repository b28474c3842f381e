/** What the shell gives a server of the product, for a folder of a test: a state and a project of its own, both empty. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Context } from "../../src/cli/command.ts";
import { servingOf } from "../../src/cli/serving.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import type { Serving } from "../../src/mcp/serving.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Store } from "../../src/store/store.ts";

export interface ServedWorld {
  readonly serving: Serving;
  readonly store: Store;
  readonly close: () => Promise<void>;
}

export async function servingIn(folder: string, onTrouble: (error: unknown) => void = () => {}): Promise<ServedWorld> {
  const [home, cwd, configDir] = [join(folder, "state"), join(folder, "work"), join(folder, "claude")];
  for (const each of [cwd, configDir]) mkdirSync(each, { recursive: true });
  const store = await openSqliteStore(home);
  const opened = async (): Promise<Store> => store;
  const terminal = new Terminal({ stdout: process.stdout, stderr: process.stderr, noColor: true }, "serve", true);
  const context: Context = { terminal, home, configDir, cwd, now: Date.now(), version: "0.0.0", environment: { PATH: process.env["PATH"], HOME: folder }, store: opened, caughtUp: opened };
  return { serving: servingOf(context, onTrouble), store, close: () => store.close() };
}
