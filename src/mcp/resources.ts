/**
 * Resources: what an application may show or attach without its model asking. Of each kind one template, of which only recent
 * ones are listed, and all complete. What is read is noted like what a tool gives; nothing that is read holds a secret.
 */
import { ResourceNotFoundError, ResourceTemplate, type McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { ago } from "../base/age.ts";
import { clip, plural, printable } from "../base/text.ts";
import { asData } from "../context/data.ts";
import { isSeenFrom, scopeName } from "../memory/statement.ts";
import { checkpointPatch } from "../operations/checkpoint-patch.ts";
import { memories } from "../operations/memories.ts";
import { readItems } from "../operations/read-items.ts";
import { check, placeOf } from "../operations/recall-memories.ts";
import { DEFAULT_BUDGET } from "../operations/resume.ts";
import { listSessions, story } from "../operations/sessions.ts";
import { takeUp } from "../operations/take-up.ts";
import { projectOf, treeOf } from "../worktree/project.ts";
import { callerOf, type Serving } from "./serving.ts";
import { fitted, note, type Answer } from "./tool.ts";

interface Listed {
  /** What stands for the variable, as it is. */
  readonly value: string;
  readonly title: string;
}

export interface Kind {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly template: string;
  readonly variable: string;
  readonly mimeType: string;
  readonly recent: (serving: Serving) => Promise<readonly Listed[]>;
  /** All there are, for completion. */
  readonly values: (serving: Serving) => Promise<readonly string[]>;
  /** Undefined where there is none. */
  readonly read: (value: string, serving: Serving) => Promise<Answer | undefined>;
}

/** How many of each kind are listed. */
const RECENT = 10;

/** How long what was read may be kept by a client, in milliseconds: a session goes on meanwhile. */
const KEPT = 5000;

export const BRIEF: Kind = {
  name: "brief", title: "Brief of a project", description: "What the next worker in a project should know, checked against its files", template: "tidemark://brief/{project}", variable: "project", mimeType: "text/markdown",
  recent: async ({ cwd }) => [{ value: projectOf(cwd), title: "Brief of this project" }],
  values: projects,
  read: async (project, serving) => {
    const taken = await takeUp(await serving.store(), { cwd: project, now: serving.clock(), budget: DEFAULT_BUDGET, environment: serving.environment, git: serving.git, running: serving.running(), ...(serving.client === undefined ? {} : { client: serving.client }) });
    if (taken.text !== "") return { text: taken.text, given: taken };
    return (await projects(serving)).includes(project) ? { text: asData("brief", "Nothing is known of this project yet.") } : undefined;
  },
};

export const SESSION: Kind = {
  name: "session", title: "Session", description: "What was asked in a session, turn by turn, with the files it changed", template: "tidemark://session/{id}", variable: "id", mimeType: "text/markdown",
  recent: async (serving) => (await listSessions(await serving.store())).filter(({ project }) => project === projectOf(serving.cwd)).slice(0, RECENT).map(({ id, title }) => ({ value: id, title: clip(printable(title), 80) || id.slice(0, 8) })),
  values: async (serving) => (await listSessions(await serving.store())).map(({ id }) => id),
  read: session,
};

const DIFF: Kind = {
  name: "checkpoint-diff", title: "Diff of a checkpoint", description: "What changed in the files between a checkpoint and the one before it", template: "tidemark://checkpoint/{id}/diff", variable: "id", mimeType: "text/x-diff",
  recent: async (serving) => withCheckpoints(serving, (store) => store.checkpoints(treeOf(serving.cwd)).slice(-RECENT).reverse().map(({ id, time, kind, note: words }) => ({ value: id, title: `${kind} ${new Date(time).toISOString()}${words === undefined ? "" : `: ${clip(printable(words), 60)}`}` }))) ?? [],
  values: async (serving) => withCheckpoints(serving, (store) => store.checkpoints(treeOf(serving.cwd)).map(({ id }) => id).reverse()) ?? [],
  read: async (id, serving) => {
    const patch = withCheckpoints(serving, (store) => checkpointPatch(store, id, serving.environment));
    return patch === undefined ? undefined : { text: asData("diff", patch.text === "" ? "Nothing changed." : patch.text, ` checkpoint="${patch.id.slice(0, 8)}"`), given: { events: [`checkpoint:${patch.id}`], memories: [] } };
  },
};

export const MEMORY: Kind = {
  name: "memory", title: "Memory", description: "One remembered statement with where it comes from", template: "tidemark://memory/{id}", variable: "id", mimeType: "text/markdown",
  recent: async (serving) => (await shownMemories(serving, projectOf(serving.cwd))).slice(0, RECENT).map(({ id, statement }) => ({ value: id, title: clip(printable(statement), 80) })),
  values: async (serving) => (await shownMemories(serving, projectOf(serving.cwd))).map(({ id }) => id),
  read: async (id, serving) => {
    const store = await serving.store();
    if (!(await memories(store)).memories.has(id)) return undefined;
    const [item] = await readItems(store, [id]);
    return { text: asData("memory", `${item!.what}, ${ago(item!.time!, serving.clock())}\n${printable(item!.text)}`), given: { events: [], memories: [id] } };
  },
};

export const DECISIONS: Kind = {
  name: "decisions", title: "Decisions of a project", description: "Decisions and constraints that hold in a project, each checked against its files", template: "tidemark://decisions/{project}", variable: "project", mimeType: "text/markdown",
  recent: async ({ cwd }) => [{ value: projectOf(cwd), title: "Decisions of this project" }],
  values: projects,
  read: decisions,
};

export const KINDS: readonly Kind[] = [BRIEF, SESSION, DIFF, MEMORY, DECISIONS];

export function uriOf({ template, variable }: Kind, value: string): string {
  return template.replace(`{${variable}}`, encodeURIComponent(value));
}

export function addResources(server: McpServer, serving: Serving): void {
  for (const kind of KINDS) {
    const { name, title, description, template, variable, mimeType } = kind;
    const list = async (): Promise<{ resources: { uri: string; name: string; title: string; mimeType: string }[] }> => ({ resources: (await kind.recent(serving)).map((each) => ({ uri: uriOf(kind, each.value), name: `${name} ${clip(each.value, 60)}`, title: each.title, mimeType })) });
    const complete = async (typed: string): Promise<string[]> => (await kind.values(serving)).map(encodeURIComponent).filter((value) => value.startsWith(typed) || decoded(value).startsWith(typed));
    server.registerResource(name, new ResourceTemplate(template, { list, complete: { [variable]: complete } }), { title, description, mimeType, cacheHint: { ttlMs: KEPT, cacheScope: "private" } }, async (uri, variables, ctx) => {
      const value = decoded(String(variables[variable] ?? ""));
      const found = value.includes("\0") ? undefined : await kind.read(value, serving);
      if (found === undefined) throw new ResourceNotFoundError(uri.href);
      return { contents: [{ uri: uri.href, mimeType, text: await handOut(found, `mcp resource ${name}`, server, serving, ctx) }] };
    });
  }
}

/** The text as it goes out, noted. */
export async function handOut({ text, given }: Answer, through: string, server: McpServer, serving: Serving, ctx: ServerContext): Promise<string> {
  const { text: out, tokens } = await fitted(text, given !== undefined);
  if (given !== undefined) await note(through, { events: given.events, memories: given.memories }, tokens, callerOf(ctx, server.server.getClientVersion()), serving, serving.clock(), String(ctx.mcpReq.id));
  return out;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A "%" that begins nothing.
    return text;
  }
}

async function projects(serving: Serving): Promise<string[]> {
  return [...new Set([projectOf(serving.cwd), ...(await listSessions(await serving.store())).map(({ project }) => project)])].filter((project) => project !== "");
}

function withCheckpoints<T>(serving: Serving, body: (store: NonNullable<ReturnType<Serving["checkpoints"]>>) => T): T | undefined {
  const store = serving.checkpoints();
  if (store === undefined) return undefined;
  try {
    return body(store);
  } finally {
    store.close();
  }
}

async function shownMemories(serving: Serving, project: string) {
  const all = [...(await memories(await serving.store())).memories.values()];
  return all.filter(({ status, scope }) => status === "active" && isSeenFrom(scope, { project })).sort((a, b) => b.valid_from - a.valid_from);
}

/** Requests of a session that are shown, the latest. */
const TURNS = 60;

async function session(id: string, serving: Serving): Promise<Answer | undefined> {
  const store = await serving.store();
  const summary = (await listSessions(store)).find((each) => each.id === id);
  if (summary === undefined) return undefined;
  const { turns } = await story(store, id);
  const shown = turns.slice(-TURNS);
  const lines = shown.map(({ n, prompt, ending, files }) => {
    const changed = files.filter(({ change }) => change !== "read").length;
    return `${n}. ${clip(printable(prompt), 300)} [${ending}${changed === 0 ? "" : `, ${plural(changed, "file")} changed`}]`;
  });
  const head = [`# ${printable(summary.title)}`, `${summary.agent}, ${printable(summary.project)}, last active ${ago(summary.ended, serving.clock())}, ${plural(turns.length, "turn")}`];
  if (turns.length > shown.length) head.push(`(the first ${turns.length - shown.length} are left out)`);
  const events = shown.flatMap((turn) => turn.events.find(({ type }) => type === "prompt")?.id ?? []);
  return { text: asData("session", [...head, ...lines].join("\n"), ` session="${id.slice(0, 8).replace(/[^\w-]/g, "")}"`), given: { events, memories: [] } };
}

async function decisions(project: string, serving: Serving): Promise<Answer | undefined> {
  const known = await projects(serving);
  if (!known.includes(project)) return undefined;
  const here = await placeOf(project, serving.environment);
  const held = (await shownMemories(serving, project)).filter(({ kind }) => kind === "decision" || kind === "constraint");
  const lines = held.map((memory) => {
    const { check: state, why } = check(memory, here, serving.clock());
    return `- [${memory.id}] ${printable(memory.statement)} (${memory.kind}, ${memory.trust === "user" || memory.accepted ? "by the user" : "worked out by an agent"}, ${scopeName(memory.scope)}, ${ago(memory.valid_from, serving.clock())}, ${state}${why.length === 0 ? "" : `: ${why.slice(0, 3).join(", ")}`})`;
  });
  return { text: asData("decisions", lines.length === 0 ? "No decision or constraint is kept for this project." : lines.join("\n")), given: { events: [], memories: held.map(({ id }) => id) } };
}
