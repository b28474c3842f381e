/** What the MCP server is given of this process: the same for `tidemark mcp` and for an engine. Loaded with them. */
import type { Serving } from "../mcp/serving.ts";
import type { Context } from "./command.ts";
import { clock } from "./environment.ts";

export function servingOf({ version, home, cwd, environment, caughtUp }: Context, onTrouble: (error: unknown) => void): Serving {
  return { version, home, cwd, environment, clock: () => clock(environment), store: caughtUp, onTrouble };
}
