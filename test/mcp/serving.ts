/** What a server of the product is given, in a folder of a test: a store of its own and nothing in it unless it is put there. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Serving } from "../../src/mcp/serving.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

export async function servingIn(folder: string, more: Partial<Serving> = {}): Promise<{ readonly serving: Serving; readonly close: () => Promise<void> }> {
  const [home, cwd] = [join(folder, "state"), join(folder, "work")];
  mkdirSync(cwd, { recursive: true });
  const store = await openSqliteStore(home);
  const serving: Serving = { version: "0.0.0", home, cwd, environment: {}, clock: Date.now, store: async () => store, onTrouble: () => {}, ...more };
  return { serving, close: () => store.close() };
}
