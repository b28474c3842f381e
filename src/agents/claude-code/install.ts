/**
 * How Tidemark is wired into Claude Code: text of a settings file in, text out (pure; the files are read and written by
 * operations/init.ts and entries.ts). Two edits at user level: `hooks` in settings.json, and `mcpServers.tidemark` in the account file.
 * Both versions sampled load these in subdirectories and worktrees, from the first run on and without a prompt; hooks of
 * a project's own settings are not loaded there, and the client's plugin commands rewrite settings.json (docs/install.md).
 */
import { basename } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { canonicalJson, isRecord } from "../../base/json.ts";
import { insertLast, isFault, memberOf, readJsonText, removeAt, replaceNode, valueOf, type JsonContainer, type JsonNode } from "../../base/json-text.ts";
import { SERVER, startsTidemark, type TextFile } from "../entries.ts";
import { hasEntry, objectIn, readObject, startText, withEntry, withoutEntry, withoutMember, type JsonEntry, type ObjectNode } from "../json-entry.ts";
import { groupOf, hookEntries, MARK, type Wiring } from "./hook-lines.ts";

const SERVER_AT = { container: "mcpServers", name: SERVER, isOwn: (value: unknown) => isRecord(value) && startsTidemark(value["args"]) };

export function serverEntry({ node, script, home }: Wiring): Record<string, unknown> {
  return { type: "stdio", command: node, args: [script, "engine"], env: { TIDEMARK_HOME: home } };
}

/** Settings with every hook of ours as it should be: missing ones added, others' left alone, older ones of ours renewed. */
export function withHooks(file: TextFile, wiring: Wiring): string {
  const wanted = new Map(hookEntries(wiring).map((entry) => [entry.event, groupOf(entry)]));
  let text = startText(file);
  for (;;) {
    const root = readObject(file.path, text);
    const unwanted = ownHooks(file.path, root).find(({ event }) => !wanted.has(event));
    if (unwanted === undefined) break;
    text = takenOut(file.path, text, root, unwanted, new Set(["hooks"]));
  }
  for (const [event, group] of wanted) text = withGroup(file.path, text, event, group);
  return text;
}

/** Settings without any hook of ours. A container that this empties goes as well, unless `there` says that it was there before. */
export function withoutHooks(file: TextFile, there: ReadonlySet<string> = new Set()): string {
  let text = startText(file);
  for (;;) {
    const root = readObject(file.path, text);
    const [found] = ownHooks(file.path, root);
    if (found === undefined) return text;
    text = takenOut(file.path, text, root, found, there);
  }
}

function serverIn(wiring: Wiring): JsonEntry {
  return { ...SERVER_AT, value: serverEntry(wiring) };
}

export function withServer(file: TextFile, wiring: Wiring): string {
  return withEntry(file, serverIn(wiring));
}

export function withoutServer(file: TextFile, there?: ReadonlySet<string>): string {
  return withoutEntry(file, SERVER_AT, there);
}

/** Is Tidemark's plugin enabled there as well? Its hooks then stand back, and its server would be a second one. */
export function hasPlugin(file: TextFile): boolean {
  const plugins = objectIn(file.path, readObject(file.path, startText(file)), "enabledPlugins");
  return plugins?.members.some(({ key, node }) => key.startsWith("tidemark@") && valueOf(node) === true) ?? false;
}

/** Which of the containers that we put things into are there: "hooks", "hooks.Stop", "mcpServers". */
export function containers(file: TextFile): string[] {
  const root = readObject(file.path, startText(file));
  const hooks = memberOf(root, "hooks")?.node;
  const events = hooks?.kind === "object" ? hooks.members.map(({ key }) => `hooks.${key}`) : [];
  return [...(hooks === undefined ? [] : ["hooks"]), ...events, ...(memberOf(root, "mcpServers") === undefined ? [] : ["mcpServers"])];
}

/** Are hooks or the server of ours in the file? */
export function isWired(file: TextFile): boolean {
  const root = readObject(file.path, startText(file));
  return ownHooks(file.path, root).length > 0 || hasEntry(file, SERVER_AT);
}

export interface Switches {
  /** Why hooks do not run, in words; absent where nothing stops them. */
  readonly hooksOff?: string;
  readonly serverOff?: string;
}

/**
 * What settings switch off of ours. Observed in both versions sampled: each switches off its half and nothing is printed.
 * Without hooks the engine runs and is told of nothing; without the engine the spool still fills and is taken in later.
 */
export function switches(files: readonly TextFile[], managed: boolean): Switches {
  let [hooksOff, serverOff]: (string | undefined)[] = [];
  for (const { path, text } of files) {
    if (text === undefined) continue;
    const read = readJsonText(text);
    // An organization's file that cannot be read is not ours to judge; our own settings are refused elsewhere.
    if (isFault(read)) continue;
    const settings = valueOf(read);
    if (!isRecord(settings)) continue;
    if (settings["disableAllHooks"] === true) hooksOff ??= `${path} has disableAllHooks`;
    if (!managed) continue;
    if (settings["allowManagedHooksOnly"] === true) hooksOff ??= `${path} has allowManagedHooksOnly`;
    const only = settings["strictPluginOnlyCustomization"];
    if (only === true || (Array.isArray(only) && only.includes("hooks"))) hooksOff ??= `${path} has strictPluginOnlyCustomization`;
    const names = (list: unknown): boolean => Array.isArray(list) && list.some((each) => isRecord(each) && each["serverName"] === SERVER);
    if (names(settings["deniedMcpServers"])) serverOff ??= `${path} has "${SERVER}" in deniedMcpServers`;
    const allowed = settings["allowedMcpServers"];
    if (Array.isArray(allowed) && !names(allowed)) serverOff ??= `${path} has allowedMcpServers without "${SERVER}"`;
    if (basename(path) === "managed-mcp.json") serverOff ??= `${path} alone says which MCP servers run`;
  }
  return { ...(hooksOff === undefined ? {} : { hooksOff }), ...(serverOff === undefined ? {} : { serverOff }) };
}

// ---- reading ----

type ArrayNode = Extract<JsonNode, { kind: "array" }>;

function groupsOf(path: string, hooks: ObjectNode | undefined, event: string): ArrayNode | undefined {
  const groups = memberOf(hooks, event)?.node;
  if (groups !== undefined && groups.kind !== "array") throw new TidemarkError("CONFIG_UNREADABLE", `"hooks.${event}" in ${path} is not a list, so nothing can be added to it`);
  return groups;
}

interface OwnHook {
  readonly event: string;
  readonly group: JsonNode;
  readonly hook: JsonNode;
  /** Nothing but this hook is in its group. */
  readonly alone: boolean;
}

function ownHooks(path: string, root: ObjectNode): OwnHook[] {
  const hooks = objectIn(path, root, "hooks");
  // Of two equal keys the client goes by the last, and so does everything here.
  const events = hooks?.members.filter((member) => memberOf(hooks, member.key) === member) ?? [];
  return events.flatMap(({ key: event, node }) => (node.kind === "array" ? ownIn(event, node) : []));
}

function ownIn(event: string, groups: ArrayNode): OwnHook[] {
  return groups.items.flatMap((group) => {
    const hooks = memberOf(group, "hooks")?.node;
    if (hooks?.kind !== "array") return [];
    return hooks.items.filter(isOwnHook).map((hook) => ({ event, group, hook, alone: hooks.items.length === 1 }));
  });
}

function isOwnHook(hook: JsonNode): boolean {
  const command = memberOf(hook, "command")?.node;
  return command?.kind === "value" && typeof command.value === "string" && command.value.startsWith(MARK);
}

function isEmpty(node: JsonContainer): boolean {
  return (node.kind === "object" ? node.members : node.items).length === 0;
}

// ---- changing ----

function withGroup(path: string, text: string, event: string, group: Record<string, unknown>): string {
  const root = readObject(path, text);
  const hooks = objectIn(path, root, "hooks");
  if (hooks === undefined) return withGroup(path, insertLast(text, root, {}, "hooks"), event, group);
  const groups = groupsOf(path, hooks, event);
  if (groups === undefined) return insertLast(text, hooks, [group], event);
  const [first, second] = ownIn(event, groups);
  if (first === undefined) return insertLast(text, groups, group);
  // Ours twice, as after settings were merged by hand: it would be run once, but only once is needed.
  if (second !== undefined) return withGroup(path, withoutHook(text, groups, second), event, group);
  const [node, wanted] = first.alone ? [first.group, group] : [first.hook, (group["hooks"] as unknown[])[0]];
  return canonicalJson(valueOf(node)) === canonicalJson(wanted) ? text : replaceNode(text, node, wanted);
}

/** Takes one hook of ours out of its group, and the group when nothing is left in it. */
function withoutHook(text: string, groups: ArrayNode, { group, hook, alone }: OwnHook): string {
  if (alone) return removeAt(text, groups, groups.items.indexOf(group));
  const hooks = memberOf(group, "hooks")!.node as ArrayNode;
  return removeAt(text, hooks, hooks.items.indexOf(hook));
}

/** The same, and then the event's list and `hooks` where they are empty now. */
function takenOut(path: string, text: string, root: ObjectNode, own: OwnHook, there: ReadonlySet<string>): string {
  const rest = withoutHook(text, groupsOf(path, objectIn(path, root, "hooks"), own.event)!, own);
  const left = readObject(path, rest);
  const hooks = objectIn(path, left, "hooks")!;
  if (!isEmpty(groupsOf(path, hooks, own.event)!) || there.has(`hooks.${own.event}`)) return rest;
  return hooks.members.length === 1 && !there.has("hooks") ? withoutMember(rest, left, "hooks") : withoutMember(rest, hooks, own.event);
}
