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
import { quoted } from "../../base/shell.ts";
import { SERVER, startsTidemark, type TextFile } from "../entries.ts";
import { hasEntry, objectIn, readObject, startText, withEntry, withoutEntry, withoutMember, type JsonEntry, type ObjectNode } from "../json-entry.ts";

/** What the entries name, all absolute: they run in any directory and with any PATH. */
export interface Wiring {
  readonly node: string;
  /** tidemark.js */
  readonly script: string;
  /** The state folder, and the spool in it. */
  readonly home: string;
  readonly spool: string;
  /** Where hooks that wait leave their marks. */
  readonly barrier: string;
  /** Where words wait that are to be told to agents. */
  readonly words: string;
}

export interface HookEntry {
  readonly event: string;
  readonly matcher?: string;
  readonly command: string;
  /** Seconds. */
  readonly timeout: number;
  /** spool: moved into the spool by the shell; barrier: the same, and the call waits until its files are safe; answer: read and answered by a Node process; drain: spooled, then a drain is started. */
  readonly by: "spool" | "barrier" | "answer" | "drain";
}

/**
 * Every command of ours begins with this, a no-op of every shell: it is seen first in the client's list of hooks, where
 * a comment would have to stand at the end, and changes no environment, as an assignment would.
 */
const MARK = ": tidemark; ";
const SERVER_AT = { container: "mcpServers", name: SERVER, isOwn: (value: unknown) => isRecord(value) && startsTidemark(value["args"]) };

const SPOOLED = ["PermissionRequest", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure", "SubagentStop", "InstructionsLoaded", "PostCompact"];
const ON_TOOLS = new Set(["PostToolUse", "PostToolUseFailure"]);

/**
 * The cheapest hook (docs/capture.md): standard input becomes a file of the spool, by a shell and one `cat`. Exit 0 whatever
 * happens: with a full disk, without the folder, without `cat`. A payload is one JSON object, so that a file that is not
 * whole is not JSON, and renaming it would cost another process to say the same. With `set -C` no file is ever written
 * over: a name that is taken (process numbers come again) goes on to the next of four. The braces matter: a redirection
 * that fails on `exec` ends dash with 2, which the client takes for "block". Without a free name the input is swallowed,
 * so that the client gets no broken pipe.
 *
 * With `script` the same where that file is gone: the program was removed and its entries were not, so nobody would ever take
 * in what is kept.
 */
export function spoolLine(folder: string, script?: string): string {
  const removed = script === undefined ? "" : `[ -f ${quoted(script)} ]||{ cat >/dev/null;exit 0;} 2>/dev/null;`;
  return `${removed}set -C;umask 077;S=${quoted(folder)};for n in $PPID-$$ $PPID-$$a $PPID-$$b $PPID-$$c;do { cat;exit 0;}>"$S/$n.json";done 2>/dev/null;exec cat >|/dev/null`;
}

/** Tools that change no file: without an engine, nobody need be asked about them. What stands before the name keeps a tool's own input from being taken for it. */
const HARMLESS = '"hook_event_name": *"PreToolUse", *"tool_name": *"(Read|Glob|Grep|LS|NotebookRead|WebFetch|WebSearch|TodoWrite|TodoRead|Task[A-Za-z]*|Agent|AskUserQuestion|ExitPlanMode|EnterPlanMode|ToolSearch|Skill|BashOutput|KillShell|SlashCommand)"';

/**
 * The hook before a call: spooled, and then the call waits until the engine has said that the files are safe, by taking away
 * the mark that was put beside the payload (engine/barrier.ts); two seconds at most. First it looks without a pause, since
 * the answer is there within 1 to 2 ms as a rule, then every 10 ms. An engine is the client's child like this shell, and a
 * file named after both says that it is there; where it was killed, or is not up yet, Node does the same once, slower. A
 * payload that a full disk cut short is waited for by nobody: no engine can read it.
 */
function barrierLine({ node, script, home, spool, barrier }: Wiring): string {
  const there = `[ -x ${quoted(node)} ] && [ -f ${quoted(script)} ]`;
  const asked = `NODE_EXTRA_CA_CERTS= TIDEMARK_HOME=${quoted(home)} ${quoted(node)} ${quoted(script)} hook PreToolUse --spooled "$S/$n.json" </dev/null >/dev/null 2>&1`;
  return `[ -f ${quoted(script)} ]||{ cat >/dev/null;exit 0;} 2>/dev/null;set -C;umask 077;S=${quoted(spool)};B=${quoted(barrier)};E=;W=;if [ "$ZSH_VERSION" ];then setopt no_nomatch;fi;`
    + `for e in "$B/$PPID-"*;do kill -0 "\${e##*-}"&&E=1;done 2>/dev/null;`
    + `for n in $PPID-$$ $PPID-$$a $PPID-$$b $PPID-$$c;do if [ "$E" ];then { :;}>"$B/w-$n";fi;{ cat||exit 0;W=1;}>"$S/$n.json"&&break;done 2>/dev/null;`
    + `[ "$W" ]||exec cat >|/dev/null;`
    + `if [ "$E" ];then i=0;while [ -e "$B/w-$n" ]&&[ $i -lt 1180 ];do i=$((i+1));[ $i -lt 1000 ]||sleep 0.01;done;`
    + `elif ! grep -qE ${quoted(HARMLESS)} "$S/$n.json" 2>/dev/null&&${there};then ${asked};fi;exit 0`;
}

export function hookEntries(wiring: Wiring): HookEntry[] {
  const { node, script, home, spool: folder, words } = wiring;
  const spool = spoolLine(folder, script);
  const there = `[ -x ${quoted(node)} ] && [ -f ${quoted(script)} ]`;
  // Where Node has gone since, or fails before it has read, what the hook brings is kept all the same.
  // Node reads extra certificates as it starts, 70 ms of a start that someone waits for; nothing here uses a network.
  const answer = (event: string): string => `${MARK}if ${there}; then NODE_EXTRA_CA_CERTS= TIDEMARK_HOME=${quoted(home)} ${quoted(node)} ${quoted(script)} hook ${event} 2>/dev/null && exit 0; fi; ${spool}`;
  // The client ends what a hook has left running, so the drain leaves its process group. macOS has no setsid; there sh is
  // bash, in which `set -m` does that. Where neither is to be had the next command drains.
  const drain = (program: string): string => `TIDEMARK_HOME=${quoted(home)} ${program} ${quoted(node)} ${quoted(script)} drain </dev/null >/dev/null 2>&1 &`;
  const detached = `if command -v setsid >/dev/null 2>&1; then (${drain("setsid")}); else (set -m; ${drain("nohup")}) 2>/dev/null; fi`;
  const end = `${MARK}( ${spool} ); if ${there}; then ${detached}; fi; exit 0`;
  return [
    { event: "SessionStart", command: answer("SessionStart"), timeout: 10, by: "answer" },
    { event: "SubagentStart", command: answer("SubagentStart"), timeout: 10, by: "answer" },
    { event: "PreToolUse", matcher: "*", command: MARK + barrierLine(wiring), timeout: 10, by: "barrier" },
    // Nothing more than the others, unless words were left for this session (operations/tell.ts): then Node tells them. Where the
    // client does not say which it is, words for any.
    { event: "UserPromptSubmit", command: `${MARK}for t in ${quoted(words)}/"$CLAUDE_CODE_SESSION_ID"*.json;do if [ -e "$t" ] && ${there}; then NODE_EXTRA_CA_CERTS= TIDEMARK_HOME=${quoted(home)} ${quoted(node)} ${quoted(script)} hook UserPromptSubmit 2>/dev/null && exit 0; fi; break; done; ${spool}`, timeout: 10, by: "spool" },
    ...SPOOLED.map((event): HookEntry => ({ event, ...(ON_TOOLS.has(event) ? { matcher: "*" } : {}), command: MARK + spool, timeout: 5, by: "spool" })),
    // SessionEnd has 1.5 s unless a settings hook asks for more.
    { event: "SessionEnd", command: end, timeout: 5, by: "drain" },
  ];
}

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

function groupOf({ matcher, command, timeout }: HookEntry): Record<string, unknown> {
  return { ...(matcher === undefined ? {} : { matcher }), hooks: [{ type: "command", command, timeout }] };
}

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
