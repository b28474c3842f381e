/**
 * Agents at work in a tree, told twice as in life: what their tools do to the files, with the looks around it
 * (tree-world.ts), and what the log says of it. For the commands about checkpoints, which join the two.
 */
import { dirname, join } from "node:path";
import { record } from "../src/operations/record.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import type { Event } from "../src/event/schema.ts";
import type { Place } from "./helpers.ts";
import { event } from "./builders.ts";
import { treeWorld, type TreeWorld } from "./tree-world.ts";

export interface Work {
  readonly world: TreeWorld;
  /** Where to run the command line. */
  readonly at: Place;
  /** A prompt, which begins a turn of this session. */
  readonly prompt: (text: string, session?: string) => void;
  readonly edit: (path: string, text: string | Uint8Array | undefined, more?: More) => string;
  readonly bash: (command: string, more?: More) => string;
  /** A call that the log tells and that changes no file. */
  readonly says: (tool: string, input: unknown, session?: string) => void;
  /** Anything else that the log is to tell. */
  readonly event: (event: Event) => void;
  /** Writes the log down. To be called before commands are run. */
  readonly told: () => Promise<void>;
}

export interface More {
  readonly session?: string;
  readonly thread?: string;
}

export const SESSION = "5972f1c9-0432-4f9a-8d14-606ac1ec8c3b";
export const OTHER = "6113107f-bc46-426e-a8c3-78eb82e5e87c";

export function work(cleanUp: (work: () => void) => void, options?: { git?: boolean }): Work {
  const world = treeWorld(cleanUp, options);
  const events: Event[] = [];
  const parents = new Map<string, string>();
  let count = 0;
  const base = dirname(world.home);
  const put = (session: string, build: (place: { id: string; record: string; session: string; time: number; parent?: string }) => Event): string => {
    if (!parents.has(session)) events.push(event("session.started", { cwd: world.root, project: world.root, source: "transcript" }, { id: `${session}:started`, session, time: Date.now() }));
    const parent = parents.get(session);
    const id = `toolu_${String((count += 1)).padStart(4, "0")}`;
    events.push(build({ id, record: `record-${count}`, session, time: Date.now(), ...(parent === undefined ? {} : { parent }) }));
    parents.set(session, `record-${count}`);
    return id;
  };
  const call = (tool: string, input: unknown, session: string): string => put(session, (place) => event("tool.called", { tool, input }, place));
  const returned = (id: string, session: string): void => void put(session, (place) => event("tool.returned", { call: id, output: "ok" }, place));
  return {
    world,
    at: { home: world.home, cwd: world.root, config: join(base, "claude"), env: { HOME: base, PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: world.home, CLAUDE_CONFIG_DIR: join(base, "claude"), GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", TZ: "UTC" } },
    prompt: (text, session = SESSION) => {
      world.prompt();
      put(session, (place) => event("prompt", { text, kind: "user" }, place));
    },
    edit: (path, text, { session = SESSION, thread } = {}) => {
      const id = call("Write", { file_path: join(world.root, path), content: String(text) }, session);
      world.edit(path, text, { session, call: id, ...(thread === undefined ? {} : { thread }) });
      events.push(event("files.touched", { call: id, files: [{ path: join(world.root, path), change: "edited" }] }, { session, time: Date.now() }));
      returned(id, session);
      return id;
    },
    bash: (command, { session = SESSION, thread } = {}) => {
      const id = call("Bash", { command }, session);
      world.shell(command, { session, call: id, ...(thread === undefined ? {} : { thread }) });
      returned(id, session);
      return id;
    },
    says: (tool, input, session = SESSION) => returned(call(tool, input, session), session),
    event: (one) => void events.push(one),
    told: async () => {
      const log = await openSqliteStore(world.home);
      await record(log, events.splice(0));
      await log.close();
    },
  };
}
