/**
 * What each hook runs: lines of shell, for a client that `init` has wired and for the plugin. They are the cheapest commands that
 * keep what the client tells, and none of them can fail. Where they are put is install.ts and plugin/.
 */
import { quoted } from "../../base/shell.ts";

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
export const MARK = ": tidemark; ";

const SPOOLED = ["PermissionRequest", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure", "SubagentStop", "InstructionsLoaded", "PostCompact"];
const ON_TOOLS = new Set(["PostToolUse", "PostToolUseFailure"]);

/** How the lines below name things: words of the shell, each whole. */
interface Names {
  /** Runs before all else. */
  readonly first: string;
  /** True where the program is installed; true where it can be run. */
  readonly installed: string;
  readonly there: string;
  /** Runs it, with the state folder told. */
  readonly run: string;
  readonly spool: string;
  readonly barrier: string;
  readonly words: string;
  /** The same, left running by itself. */
  readonly detached: (program: string) => string;
}

/** As `init` writes them: every path in full, since hooks run in any directory and with any PATH. */
function fixed({ node, script, home, spool, barrier, words }: Wiring): Names {
  const program = `${quoted(node)} ${quoted(script)}`;
  const assigned = `TIDEMARK_HOME=${quoted(home)}`;
  return {
    first: "", installed: `[ -f ${quoted(script)} ]`, there: `[ -x ${quoted(node)} ] && [ -f ${quoted(script)} ]`, run: `${assigned} ${program}`,
    spool: quoted(spool), barrier: quoted(barrier), words: quoted(words), detached: (by) => `${assigned} ${by} ${program}`,
  };
}

/**
 * As a plugin has them, which is the same for everyone: `tidemark` of the PATH, and the state folder where it would look for it
 * (cli/environment.ts). Where `init` has wired the client, its hooks do the work and these do nothing.
 */
const LOOKED_UP: Names = {
  first: 'H=$TIDEMARK_HOME;if [ -z "$H" ];then H=${XDG_STATE_HOME:-$HOME/.local/state}/tidemark;if [ -d "$HOME/Library/Application Support" ];then H="$HOME/Library/Application Support/tidemark";fi;fi;[ -e "$H/install/claude-code/record.json" ]&&exec cat >/dev/null;',
  installed: "command -v tidemark >/dev/null", there: "command -v tidemark >/dev/null", run: 'TIDEMARK_HOME="$H" tidemark',
  spool: '"$H/spool"', barrier: '"$H/barrier"', words: '"$H/tell"', detached: (by) => `TIDEMARK_HOME="$H" ${by} tidemark`,
};

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
  return spooling(quoted(folder), script === undefined ? undefined : `[ -f ${quoted(script)} ]`);
}

function spooling(folder: string, installed?: string): string {
  const removed = installed === undefined ? "" : `${installed}||{ cat >/dev/null;exit 0;} 2>/dev/null;`;
  return `${removed}set -C;umask 077;S=${folder};for n in $PPID-$$ $PPID-$$a $PPID-$$b $PPID-$$c;do { cat;exit 0;}>"$S/$n.json";done 2>/dev/null;exec cat >|/dev/null`;
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
function barrierLine({ installed, there, run, spool, barrier }: Names): string {
  const asked = `NODE_EXTRA_CA_CERTS= ${run} hook PreToolUse --spooled "$S/$n.json" </dev/null >/dev/null 2>&1`;
  return `${installed}||{ cat >/dev/null;exit 0;} 2>/dev/null;set -C;umask 077;S=${spool};B=${barrier};E=;W=;if [ "$ZSH_VERSION" ];then setopt no_nomatch;fi;`
    + `for e in "$B/$PPID-"*;do kill -0 "\${e##*-}"&&E=1;done 2>/dev/null;`
    + `for n in $PPID-$$ $PPID-$$a $PPID-$$b $PPID-$$c;do if [ "$E" ];then { :;}>"$B/w-$n";fi;{ cat||exit 0;W=1;}>"$S/$n.json"&&break;done 2>/dev/null;`
    + `[ "$W" ]||exec cat >|/dev/null;`
    + `if [ "$E" ];then i=0;while [ -e "$B/w-$n" ]&&[ $i -lt 1180 ];do i=$((i+1));[ $i -lt 1000 ]||sleep 0.01;done;`
    + `elif ! grep -qE ${quoted(HARMLESS)} "$S/$n.json" 2>/dev/null&&${there};then ${asked};fi;exit 0`;
}

export function hookEntries(wiring: Wiring): HookEntry[] {
  return entriesOf(fixed(wiring));
}

/** The hooks of the plugin, as its hooks.json has them. */
export function pluginHooks(): Record<string, unknown[]> {
  return Object.fromEntries(entriesOf(LOOKED_UP).map((entry) => [entry.event, [groupOf(entry)]]));
}

function entriesOf(names: Names): HookEntry[] {
  const { first, installed, there, run, words } = names;
  const spool = spooling(names.spool, installed);
  // Where Node has gone since, or fails before it has read, what the hook brings is kept all the same.
  // Node reads extra certificates as it starts, 70 ms of a start that someone waits for; nothing here uses a network.
  const answer = (event: string): string => `${MARK}${first}if ${there}; then NODE_EXTRA_CA_CERTS= ${run} hook ${event} 2>/dev/null && exit 0; fi; ${spool}`;
  // The client ends what a hook has left running, so the drain leaves its process group. macOS has no setsid; there sh is
  // bash, in which `set -m` does that. Where neither is to be had the next command drains.
  const drain = (program: string): string => `${names.detached(program)} drain </dev/null >/dev/null 2>&1 &`;
  const detached = `if command -v setsid >/dev/null 2>&1; then (${drain("setsid")}); else (set -m; ${drain("nohup")}) 2>/dev/null; fi`;
  const end = `${MARK}${first}( ${spool} ); if ${there}; then ${detached}; fi; exit 0`;
  return [
    { event: "SessionStart", command: answer("SessionStart"), timeout: 10, by: "answer" },
    { event: "SubagentStart", command: answer("SubagentStart"), timeout: 10, by: "answer" },
    { event: "PreToolUse", matcher: "*", command: MARK + first + barrierLine(names), timeout: 10, by: "barrier" },
    // Nothing more than the others, unless words were left for this session (operations/tell.ts): then Node tells them. Where the
    // client does not say which it is, words for any.
    { event: "UserPromptSubmit", command: `${MARK}${first}for t in ${words}/"$CLAUDE_CODE_SESSION_ID"*.json;do if [ -e "$t" ] && ${there}; then NODE_EXTRA_CA_CERTS= ${run} hook UserPromptSubmit 2>/dev/null && exit 0; fi; break; done; ${spool}`, timeout: 10, by: "spool" },
    ...SPOOLED.map((event): HookEntry => ({ event, ...(ON_TOOLS.has(event) ? { matcher: "*" } : {}), command: MARK + first + spool, timeout: 5, by: "spool" })),
    // SessionEnd has 1.5 s unless a settings hook asks for more.
    { event: "SessionEnd", command: end, timeout: 5, by: "drain" },
  ];
}

/** As settings and plugins hold it. */
export function groupOf({ matcher, command, timeout }: HookEntry): Record<string, unknown> {
  return { ...(matcher === undefined ? {} : { matcher }), hooks: [{ type: "command", command, timeout }] };
}
