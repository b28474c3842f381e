/**
 * What a tool call may do to files, from its name and input alone: nothing, something at one path, or anything; whether
 * it could destroy what was not captured; whether it leaves something running; and what of it no undo takes back. Pure.
 * A shell command counts as harmless only where every program in it is known to be and nothing is written to a path;
 * what is not understood may do anything. A wrong "any" costs a wait, a wrong "none" an undo.
 *
 * What a subagent does is told by its own calls. The tables are data at the end; reading of shell text is shell.ts.
 */
import { parseShell, roughly, type Command, type Word } from "./shell.ts";

export interface Effect {
  readonly effect: "none" | "path" | "any";
  /** As the tool was given it. */
  readonly path?: string;
  /** It could take away what stands in the tree, not only change what an edit tool names. */
  readonly destructive?: boolean;
  /** Something may still be running when it returns. */
  readonly background?: boolean;
}

/** It writes what it was given at the one path it names. */
export function isEditTool(tool: string): boolean {
  return EDIT_TOOLS[tool] !== undefined;
}

export function effectOf(tool: string, input: unknown): Effect {
  const key = EDIT_TOOLS[tool];
  if (key !== undefined) {
    const path = field(input, key);
    return typeof path === "string" && path !== "" ? { effect: "path", path } : { effect: "any" };
  }
  if (HARMLESS_TOOLS.has(tool) || OWN_TOOLS.test(tool)) return { effect: "none" };
  if (tool !== "Bash") return { effect: "any" };
  const text = field(input, "command");
  const asked = field(input, "run_in_background") === true;
  if (typeof text !== "string") return { effect: "any", ...(asked ? { background: true } : {}) };
  const { commands, understood, background } = unfold(text);
  const harmless = understood && commands.every(isHarmless);
  const destructive = !harmless && commands.some(isDestructive);
  return {
    effect: harmless ? "none" : "any",
    ...(destructive ? { destructive } : {}),
    ...(asked || background ? { background: true } : {}),
  };
}

/** What an undo of the files would not take back, in words for a person; undefined where nothing is known of the kind. */
export function irreversible(tool: string, input: unknown): string | undefined {
  if (tool === "KillShell" || tool === "KillBash") return "ended a process that was running";
  if (tool.startsWith("mcp__")) {
    const [, server = "", ...rest] = tool.split("__");
    const words = rest.join("__").replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z\d]+/);
    return words.some((word) => WRITING_WORDS.has(word)) ? `${rest.join("__")} of ${server}: may have changed something outside the files` : undefined;
  }
  if (tool !== "Bash") return undefined;
  const text = field(input, "command");
  const said = new Set<string>();
  if (typeof text === "string") {
    const { commands, background } = unfold(text);
    for (const { words } of commands) {
      const [program = "", ...args] = words.map((word) => word.text);
      for (const rule of LASTING) {
        if (rule.programs.includes(programName(program)) && (rule.when === undefined || rule.when(args))) said.add(`${programName(program)}: ${rule.says}`);
      }
    }
    if (background) said.add("left a process running");
  }
  if (field(input, "run_in_background") === true) said.add("left a process running");
  return said.size === 0 ? undefined : [...said].join("; ");
}

function field(input: unknown, name: string): unknown {
  return typeof input === "object" && input !== null ? (input as Record<string, unknown>)[name] : undefined;
}

interface Unfolded {
  /** Every command that would run, with wrappers such as sudo taken off; also a guess at those of a text that is not understood. */
  readonly commands: readonly Command[];
  readonly understood: boolean;
  readonly background: boolean;
}

/** Scripts within scripts are followed this deep. */
const DEEPEST = 4;

function unfold(text: string, depth = 0): Unfolded {
  const parsed = parseShell(text);
  let understood = parsed !== undefined;
  let background = parsed?.background ?? /(?:^|[^&>|])&(?=[\s)]|$)/.test(text);
  const commands: Command[] = [];
  for (const command of parsed?.commands ?? roughly(text)) {
    const { inner, scripts, known, leaves } = unwrap(command);
    commands.push(...inner);
    understood &&= known && (scripts.length === 0 || depth < DEEPEST);
    background ||= leaves;
    for (const script of depth < DEEPEST ? scripts : []) {
      const within = unfold(script, depth + 1);
      commands.push(...within.commands);
      understood &&= within.understood;
      background ||= within.background;
    }
  }
  return { commands, understood, background };
}

interface Unwrapped {
  readonly inner: readonly Command[];
  /** Texts that a shell is given to run. */
  readonly scripts: readonly string[];
  /** All that stood around it is known and changes nothing of what it does. */
  readonly known: boolean;
  readonly leaves: boolean;
}

/** A command without what runs it, and the commands it runs itself. */
function unwrap(command: Command): Unwrapped {
  let { words } = command;
  let known = true;
  let leaves = LEAVES_RUNNING.has(nameOf(words));
  let adds = false;
  for (let wrapper = WRAPPERS[nameOf(words)]; wrapper !== undefined; wrapper = WRAPPERS[nameOf(words)]) {
    const after = afterOptions(words.slice(1), wrapper);
    // `env` alone prints, `sudo -l` lists, `command -v` looks up: then there is nothing inside.
    if (after.rest.length === 0 || (nameOf(words) === "command" && /^-[vV]$/.test(words[1]!.text))) break;
    known &&= after.known;
    adds ||= wrapper.adds === true;
    words = wrapper.adds === true ? [...after.rest, { text: "\0", dynamic: true }] : after.rest;
    leaves ||= LEAVES_RUNNING.has(nameOf(words));
  }
  const inner: Command[] = [];
  const scripts: string[] = [];
  if (nameOf(words) === "find") {
    for (let at = words.findIndex(isExec); at >= 0; at = words.findIndex(isExec)) {
      const end = words.findIndex(({ text }, i) => i > at && (text === ";" || text === "+"));
      if (end < 0) break;
      const within = unwrap({ words: words.slice(at + 1, end).map((word) => (word.text.includes("{}") ? { ...word, dynamic: true } : word)), writes: [], assigns: [] });
      inner.push(...within.inner);
      scripts.push(...within.scripts);
      known &&= within.known;
      leaves ||= within.leaves;
      words = [...words.slice(0, at), ...words.slice(end + 1)];
    }
  }
  const flag = SHELLS.has(nameOf(words)) ? words.findIndex(({ text }, i) => i > 0 && /^-[a-z]*c$/.test(text)) : -1;
  const given = nameOf(words) === "eval" ? words.slice(1) : flag > 0 ? words.slice(flag + 1, flag + 2) : [];
  if (given.length === 0 || given.some((word) => word.dynamic || word.text.includes("\0"))) return { inner: [{ ...command, words }, ...inner], scripts, known, leaves };
  // What xargs puts into the text of a script could be anything.
  return { inner: [{ ...command, words: [] }], scripts: [given.map(({ text }) => text).join(" ")], known: known && !adds, leaves };
}

function nameOf(words: readonly Word[]): string {
  return programName(words[0]?.text ?? "");
}

function isExec({ text }: Word): boolean {
  return text === "-exec" || text === "-execdir";
}

/** What follows the options of a wrapper and its first arguments that are no command. An option that is not known may take the next word, so what follows is a guess. */
function afterOptions(words: readonly Word[], { flags, withValue, first = 0 }: Wrapper): { rest: readonly Word[]; known: boolean } {
  let known = true;
  let i = 0;
  for (; i < words.length; i++) {
    const { text, dynamic } = words[i]!;
    if (dynamic || !/^-|^[A-Za-z_]\w*=/.test(text)) break;
    if (text === "--") {
      i += 1;
      break;
    }
    if (!text.startsWith("-")) known &&= isHarmlessVariable(text.slice(0, text.indexOf("=")));
    else if (new RegExp(`^(?:${withValue})$`).test(text)) i += 1;
    else known &&= new RegExp(`^(?:${flags})$`).test(text);
  }
  return { rest: words.slice(i + first), known };
}

/** The name by which a program is known, where it stands in one of the usual places; anything else is kept as it is and so is unknown. */
function programName(word: string): string {
  return word.replace(/^(?:\/usr)?(?:\/local)?\/s?bin\/(?=[^/]+$)|^\/opt\/homebrew\/bin\/(?=[^/]+$)/, "");
}

function isHarmless({ words, writes, assigns }: Command): boolean {
  if (writes.length > 0 || !assigns.every(isHarmlessVariable)) return false;
  const [first, ...args] = words;
  if (first === undefined) return true;
  if (first.dynamic) return false;
  const name = programName(first.text);
  if (args.length === 1 && (/^--(?:version|help)$/.test(args[0]!.text) ? ANSWERING.has(name) : ANSWERING_SHORT.has(`${name} ${args[0]!.text}`))) return true;
  if (HARMLESS.has(name)) return true;
  const check = READING[name];
  if (check === undefined) return false;
  // What is only known when it runs could be an option of any kind.
  if (args.some((word) => word.dynamic)) return false;
  return check(args.map((word) => word.text));
}

/** Names that a script makes for itself are small by custom; of the others these change nothing but what is printed. */
function isHarmlessVariable(name: string): boolean {
  return (/^[a-z_][a-z\d_]*$/.test(name) && !["path", "fpath", "cdpath", "module_path"].includes(name)) || /^(?:LC_\w+|LANG|LANGUAGE|TZ|NO_COLOR|FORCE_COLOR|CI|IFS|COLUMNS|TERM|DIR|FILE|NAME|ROOT|BASE|N|I)$/.test(name);
}

function isDestructive({ words, writes }: Command): boolean {
  if (writes.some(({ truncates }) => truncates)) return true;
  const [program = "", ...args] = words.map((word) => word.text);
  const check = DESTRUCTIVE[programName(program)];
  return check !== undefined && check(args);
}

/* ------------------------------------------------------------------------------------------------ tables: tools */

/** Tools that change one file, each with the field that names it. */
const EDIT_TOOLS: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  Edit: "file_path",
  Write: "file_path",
  MultiEdit: "file_path",
  NotebookEdit: "notebook_path",
});

/** Tools that leave the working tree alone. Subagents' and skills' own calls come one by one. */
const HARMLESS_TOOLS: ReadonlySet<string> = new Set(
  ("Read Glob Grep LS NotebookRead WebFetch WebSearch TodoWrite TodoRead Task TaskCreate TaskGet TaskList TaskUpdate TaskOutput TaskStop Agent AgentOutputTool " +
    "AskUserQuestion EnterPlanMode ExitPlanMode ToolSearch Skill SlashCommand BashOutput KillShell KillBash LSP ListMcpResourcesTool ReadMcpResourceTool StructuredOutput SendMessage").split(" "),
);

/**
 * Our own, as a client names those of our server, or of our plugin's. None changes a file as a tool does: what an undo puts
 * back is set down as its doing, and would be taken for this call's if it were thought to be able to.
 */
const OWN_TOOLS = /^mcp__(?:plugin_tidemark_)?tidemark__(?:resume|recall|remember|handoff|checkpoint|undo|forget)$/;

/** In the name of a tool of an MCP server, these say that it writes. */
const WRITING_WORDS: ReadonlySet<string> = new Set(
  ("send create post delete update remove add set put write edit insert upsert patch publish push merge close reopen reply comment move archive upload submit trigger deploy " +
    "approve cancel invite assign rename drop transfer pay charge refund execute exec run click fill type press navigate book schedule share subscribe unsubscribe").split(" "),
);

/* ------------------------------------------------------------------------------------------------ tables: programs */

const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "zsh", "dash", "ksh"]);
const LEAVES_RUNNING: ReadonlySet<string> = new Set(["nohup", "setsid", "disown", "daemonize", "screen", "tmux"]);

interface Wrapper {
  /** Options that stand alone, and options that take the next word. */
  readonly flags: string;
  readonly withValue: string;
  /** Arguments before the command. */
  readonly first?: number;
  /** It gives the command arguments of its own. */
  readonly adds?: boolean;
}

const NONE = "(?!)";

/** Programs that run what they are given. */
const WRAPPERS: Readonly<Record<string, Wrapper | undefined>> = Object.assign(Object.create(null), {
  sudo: { flags: "-[nEHSk]+|--preserve-env", withValue: "-u|-g|-p|--user|--group" },
  doas: { flags: "-n", withValue: "-u" },
  env: { flags: "-i?|--ignore-environment", withValue: "-u|--unset" },
  command: { flags: "-p", withValue: NONE },
  builtin: { flags: NONE, withValue: NONE },
  exec: { flags: "-[cl]+", withValue: "-a" },
  time: { flags: "-[pv]", withValue: NONE },
  nice: { flags: String.raw`-n?-?\d+|--adjustment=\S+`, withValue: "-n" },
  ionice: { flags: String.raw`-[cn]\d`, withValue: "-c|-n" },
  timeout: { flags: String.raw`-v|--foreground|--preserve-status|-[ks]\S+|--(?:signal|kill-after)=\S+`, withValue: "-k|-s", first: 1 },
  stdbuf: { flags: String.raw`-[ioe]\S+|--(?:input|output|error)=\S+`, withValue: "-i|-o|-e" },
  nohup: { flags: NONE, withValue: NONE },
  setsid: { flags: "-[cfw]+|--fork|--wait|--ctty", withValue: NONE },
  unbuffer: { flags: "-p", withValue: NONE },
  caffeinate: { flags: "-[dimsu]+", withValue: "-t|-w" },
  xargs: { flags: String.raw`-[0rt]+|-[nPLs]\d+|-[Id]\S+|--null|--no-run-if-empty|--max-(?:args|procs)=\d+`, withValue: "-n|-I|-L|-P|-s|-d|-a", adds: true },
});

/** Whatever they are given, these only print, wait or set the shell's own state. */
const HARMLESS: ReadonlySet<string> = new Set(
  (": true false cd pushd popd dirs pwd echo printf test [ [[ (( exit return break continue wait shift jobs sleep seq yes for " +
    "ls eza cat head tail wc grep egrep fgrep zgrep stat du df basename dirname realpath readlink which whereis type whoami id groups uname arch nproc uptime ps pgrep lsof free vmstat printenv getconf locale " +
    "cut tr nl rev tac fold fmt paste join comm column expand unexpand od hexdump strings md5sum sha1sum sha224sum sha256sum sha384sum sha512sum shasum b2sum cksum cmp diff " +
    "jq nm objdump readelf size zcat bzcat xzcat numfmt tsort factor expr").split(" "),
);

/** Well-known programs that answer to --version and --help, whatever else they do. */
const ANSWERING: ReadonlySet<string> = new Set(
  ("node npm npx yarn pnpm bun deno python python3 pip pip3 uv ruby gem bundle go cargo rustc rustup java javac mvn gradle dotnet php composer perl make cmake gcc g++ clang tsc eslint prettier " +
    "git gh glab docker podman kubectl helm terraform aws gcloud az psql mysql sqlite3 redis-cli curl wget rg fd jq yq sed awk tar ffmpeg claude tidemark").split(" "),
);

/** The shorter ways to ask, where they mean nothing else. */
const ANSWERING_SHORT: ReadonlySet<string> = new Set("node -v,npm -v,yarn -v,pnpm -v,python -V,python3 -V,cargo -V,rustc -V,pip -V,go version,docker version,terraform version".split(","));

type Check = (args: readonly string[]) => boolean;

/** Programs that only read unless they are told otherwise: true where these arguments do not tell them. */
const READING: Readonly<Record<string, Check | undefined>> = Object.assign(Object.create(null), {
  sort: without("oT", "output", "compress-program", "temporary-directory"),
  uniq: (args: readonly string[]) => oneFile(args, "fsw"),
  bat: without("", "pager"),
  command: (args: readonly string[]) => /^-[vV]$/.test(args[0] ?? ""),
  read: (args: readonly string[]) => positionals(args, "dpntNuai").every((each) => each === "" || isHarmlessVariable(each)),
  tree: without("oR", "output"),
  file: without("C", "compile"),
  date: (args: readonly string[]) => args.every((each) => !/^-[uR]*s|^--s/.test(each)) && positionals(args, "dfr").every((each) => each.startsWith("+")),
  hostname: (args: readonly string[]) => args.every((each) => /^-[sfidAI]+$/.test(each)),
  xxd: (args: readonly string[]) => without("r", "revert")(args) && oneFile(args, "clsgo"),
  less: (args: readonly string[]) => args.every((each) => !/^[-+]/.test(each) || /^-[NRSFX]+$/.test(each)),
  more: (args: readonly string[]) => args.every((each) => !/^[-+]/.test(each)),
  rg: without("", "pre", "hostname-bin"),
  fd: without("xX", "exec", "exec-batch"),
  yq: without("is", "inplace", "split-exp"),
  env: (args: readonly string[]) => args.length === 0,
  set: (args: readonly string[]) => args.every((each) => /^[-+][a-z]+$/.test(each) || /^(?:pipefail|errexit|nounset|xtrace)$/.test(each)),
  export: (args: readonly string[]) => args.every((each) => isHarmlessVariable(each.split("=")[0]!)),
  local: (args: readonly string[]) => args.every((each) => isHarmlessVariable(each.split("=")[0]!)),
  tee: (args: readonly string[]) => args.every((each) => each === "/dev/null" || each === "-a"),
  find: (args: readonly string[]) => args.every((each) => !/^-(?:exec|execdir|ok|okdir|delete|fprint.*|fls)$/.test(each)),
  sed: readsWithSed,
  awk: readsWithAwk,
  gawk: readsWithAwk,
  mawk: readsWithAwk,
  git: readsWithGit,
  npm: (args: readonly string[]) => /^(?:ls|list|ll|view|info|show|outdated|root|prefix|bin|ping|whoami|search|explain|why|query)$/.test(args[0] ?? "") || (args[0] === "config" && /^(?:get|list|ls)$/.test(args[1] ?? "")),
  gh: (args: readonly string[]) => /^(?:pr (?:view|list|diff|status|checks)|issue (?:view|list|status)|run (?:view|list)|release (?:view|list)|repo (?:view|list)|workflow (?:view|list)|auth status|search \w+)$/.test(args.slice(0, 2).join(" ")) && !args.includes("--web"),
  docker: (args: readonly string[]) => /^(?:ps|images|logs|inspect|version|info|stats|top|port|history)$/.test(args[0] ?? ""),
  go: (args: readonly string[]) => args[0] === "version" || args[0] === "doc" || (args[0] === "env" && !args.some((each) => each.startsWith("-"))),
  pip: readsWithPip,
  pip3: readsWithPip,
});

function readsWithPip(args: readonly string[]): boolean {
  return /^(?:list|show|freeze|check)$/.test(args[0] ?? "");
}

/** None of these letters in any cluster of short options, none of these long options, nor what they may be shortened to. */
function without(letters: string, ...long: readonly string[]): Check {
  return (args) =>
    args.every((each) => {
      if (each.startsWith("--")) return each === "--" || !long.some((name) => name.startsWith(each.slice(2).split("=")[0]!));
      return !/^-./.test(each) || ![...letters].some((letter) => each.slice(1).includes(letter));
    });
}

/** Arguments that are no options, where these letters take the next word. */
function positionals(args: readonly string[], withValue: string): string[] {
  return args.filter((each, i) => !/^-./.test(each) && !(i > 0 && /^-[A-Za-z]$/.test(args[i - 1]!) && withValue.includes(args[i - 1]![1]!)));
}

/** At most one file: a second one would be written. A pattern may become several. */
function oneFile(args: readonly string[], withValue: string): boolean {
  const files = positionals(args, withValue);
  return files.length < 2 && !files.some((each) => /[*?[{]/.test(each));
}

const SED_REGEX = String.raw`(?:[^/\\\n[]|\\.|\[\^?\]?[^\]/\\\n]*\])*`;
const SED_ADDRESS = String.raw`(?:\d+|\$|/${SED_REGEX}/I?)`;
/** p, d, q, = and substitution without its flags w and e; everything that writes or runs is left out. */
const SED_COMMAND = String.raw`(?:${SED_ADDRESS}(?:,(?:${SED_ADDRESS}|\+\d+))?)?\s*!?\s*(?:[pdqn=]|s/${SED_REGEX}/(?:[^/\\\n]|\\.)*/[gpIi\d]*|s([|#,@])(?:(?!\1)[^\\\n[])*\1(?:(?!\1)[^\\\n])*\1[gpIi\d]*)`;

function readsWithSed(args: readonly string[]): boolean {
  // The delimiter is captured, so each command is tried alone.
  const command = new RegExp(`^\\s*${SED_COMMAND}\\s*(?:[;\\n]|$)`);
  const reads = (script: string): boolean => {
    if (script.includes("\0")) return false;
    for (let rest = script; rest.trim() !== ""; ) {
      const found = command.exec(rest);
      if (found === null) return false;
      rest = rest.slice(found[0].length);
    }
    return true;
  };
  const scripts: string[] = [];
  let files = 0;
  for (let i = 0; i < args.length; i++) {
    const each = args[i]!;
    if (/^-[nErsuz]*e$/.test(each) || each === "--expression") scripts.push(args[(i += 1)] ?? "w");
    else if (/^-[nErsuz]+$/.test(each) || /^--(?:quiet|silent|regexp-extended|null-data|unbuffered|separate)$/.test(each)) continue;
    else if (/^-./.test(each)) return false;
    else if (scripts.length === 0 && files === 0) scripts.push(each);
    else files += 1;
  }
  return scripts.length > 0 && scripts.every(reads);
}

/** A program that neither redirects, pipes, runs nor includes anything. A comparison by > looks the same and counts as not understood. */
function readsWithAwk(args: readonly string[]): boolean {
  for (let i = 0; i < args.length; i++) {
    const each = args[i]!;
    if (each === "-F" || each === "-v") i += 1;
    else if (/^-[Fv]./.test(each)) continue;
    else if (/^-./.test(each)) return false;
    else return !/[>|@\0]|system|getline/.test(each);
  }
  return false;
}

const GIT_READS = /^(?:status|log|show|diff|blame|annotate|rev-parse|rev-list|describe|ls-files|ls-tree|ls-remote|cat-file|shortlog|grep|merge-base|name-rev|for-each-ref|show-ref|show-branch|count-objects|check-ignore|check-attr|check-mailmap|version|help|whatchanged|cherry|diff-tree|diff-index|diff-files|range-diff|var|verify-commit|verify-tag)$/;

function readsWithGit(given: readonly string[]): boolean {
  const { sub, args, plain } = gitParts(given);
  // -c can name a program to run.
  if (!plain) return false;
  if (sub === undefined) return true;
  if (!without("", "output", "ext-diff", "open-files-in-pager", "upload-pack", "exec")(args)) return false;
  if (sub === "grep" && args.some((each) => /^-[A-Za-z]*O/.test(each))) return false;
  if (GIT_READS.test(sub)) return true;
  const names = args.filter((each) => !each.startsWith("-"));
  const [first] = names;
  switch (sub) {
    case "branch":
      return args.every((each) => /^(?:-a|-r|-v|-vv|-av|-avv|-rv|-l|--list|--all|--remotes|--verbose|--show-current|--no-color|--merged|--no-merged|--contains|--sort=.*|--format=.*)$/.test(each) || !each.startsWith("-")) && (names.length === 0 || args.some((each) => /^(?:-l|--list|--merged|--no-merged|--contains)$/.test(each)));
    case "tag":
      return args.length === 0 || /^(?:-l|--list|--points-at|--contains)$/.test(args[0]!) || args.every((each) => /^(?:--sort=.*|-n\d*)$/.test(each));
    case "remote":
      return args.every((each) => each === "-v" || each === "--verbose") || first === "show" || first === "get-url";
    case "config":
      return args.some((each) => /^(?:--get|--get-all|--get-regexp|--list|-l)$/.test(each)) || first === "get" || first === "list";
    case "stash":
    case "worktree":
    case "notes":
      return first === "list" || (sub !== "worktree" && first === "show");
    case "reflog":
      return first === undefined || first === "show" || first.startsWith("HEAD");
    case "submodule":
      return first === undefined || first === "status";
    case "symbolic-ref":
      return names.length === 1 && !args.some((each) => /^(?:-d|--delete)$/.test(each));
    default:
      return false;
  }
}

/** The subcommand and what it is given, past git's own options. `plain`: those are known and run nothing. */
function gitParts(given: readonly string[]): { sub: string | undefined; args: readonly string[]; plain: boolean } {
  let plain = true;
  let i = 0;
  for (; i < given.length && given[i]!.startsWith("-"); i++) {
    const each = given[i]!;
    if (/^(?:-C|--git-dir|--work-tree|--namespace)$/.test(each)) i += 1;
    else if (each === "-c" || each === "--config-env") [plain, i] = [false, i + 1];
    else if (!/^(?:--no-pager|-P|--no-optional-locks|--bare|--literal-pathspecs|--(?:git-dir|work-tree|namespace)=.*|--version|--help)$/.test(each)) plain = false;
  }
  return { sub: given[i], args: given.slice(i + 1), plain };
}

/** Programs that can take away what stands in the tree: true where these arguments do. */
const DESTRUCTIVE: Readonly<Record<string, Check | undefined>> = Object.assign(Object.create(null), {
  rm: () => true,
  rmdir: () => true,
  unlink: () => true,
  shred: () => true,
  truncate: () => true,
  mv: () => true,
  dd: (args: readonly string[]) => args.some((each) => each.startsWith("of=")),
  tee: (args: readonly string[]) => !args.includes("-a") && args.some((each) => !each.startsWith("-") && each !== "/dev/null"),
  find: (args: readonly string[]) => args.includes("-delete"),
  rsync: (args: readonly string[]) => args.some((each) => /^--(?:del|delete.*|remove-source-files)$/.test(each)),
  trash: () => true,
  git: (given: readonly string[]) => {
    const { sub = "", args } = gitParts(given);
    if (/^(?:checkout|switch|restore|clean|rebase|merge|pull|am|apply|cherry-pick|revert|rm|mv|read-tree|checkout-index|sparse-checkout|bisect|filter-branch|filter-repo)$/.test(sub)) return true;
    if (sub === "reset") return args.some((each) => /^--(?:hard|merge|keep)$/.test(each));
    if (sub === "stash") return !/^(?:list|show|drop|clear)$/.test(args.find((each) => !each.startsWith("-")) ?? "");
    if (sub === "worktree") return args[0] === "remove";
    return sub === "submodule" && args.includes("update");
  },
  gh: (args: readonly string[]) => args[0] === "pr" && args[1] === "checkout",
});

interface Lasting {
  readonly programs: readonly string[];
  /** All uses of the program where it is left out. */
  readonly when?: Check;
  readonly says: string;
}

const has = (shape: RegExp): Check => (args) => args.some((each) => shape.test(each));
/** Of the arguments that are no options. One or two of those in front may be the values of options. */
const begins = (shape: RegExp, skip = 0): Check => (args) => {
  const names = args.filter((each) => !each.startsWith("-"));
  return Array.from({ length: skip + 1 }, (_, i) => names.slice(i).join(" ")).some((each) => shape.test(each));
};

/** What no undo of files takes back. */
const LASTING: readonly Lasting[] = [
  { programs: ["git"], when: (given) => gitParts(given).sub === "push" && !has(/^(?:-n|--dry-run)$/)(given), says: "sent commits to a remote" },
  { programs: ["npm", "yarn", "pnpm", "bun", "cargo", "poetry", "uv", "lerna", "vsce", "ovsx"], when: begins(/^(?:npm )?(?:publish|unpublish|deprecate|dist-tag (?:add|rm))\b/), says: "published a package" },
  { programs: ["twine", "gem"], when: begins(/^(?:upload|push|yank)\b/), says: "published a package" },
  { programs: ["gh", "glab", "hub"], when: (args) => (args[0] === "api" ? has(/^(?:-X|--method|-f|-F|--field|--raw-field|--input)(?:=|$)|^-X\w/)(args) && !has(/^GET$/)(args) : begins(/^\w+ (?:create|edit|close|reopen|merge|delete|comment|note|review|approve|ready|upload|transfer|archive|rename|run|rerun|cancel|set|remove|add|lock|unlock|pin|fork|sync|enable|disable)\b/)(args)), says: "changed something on the code host" },
  { programs: ["curl"], when: has(/^(?:-X|--request)?=?(?:POST|PUT|DELETE|PATCH)$|^-[A-Za-z]*X(?:POST|PUT|DELETE|PATCH)$|^--request=(?:POST|PUT|DELETE|PATCH)$|^-[a-zA-Z]*[dFT]|^--(?:data.*|form.*|json|upload-file)/), says: "sent something over the network" },
  { programs: ["wget"], when: has(/^--(?:post-.*|body-.*|method=(?:POST|PUT|DELETE|PATCH))/), says: "sent something over the network" },
  { programs: ["http", "https", "xh"], when: has(/^(?:POST|PUT|DELETE|PATCH)$/), says: "sent something over the network" },
  { programs: ["ssh", "mosh"], says: "ran on another machine" },
  { programs: ["scp", "sftp", "rsync"], when: (args) => args.some((each) => !each.startsWith("-") && /^[\w.@-]+:/.test(each)), says: "copied to or from another machine" },
  { programs: ["kubectl", "oc"], when: begins(/^(?:apply|create|delete|edit|patch|replace|scale|rollout|set|label|annotate|drain|cordon|exec|run|expose|autoscale|taint|cp)\b/, 2), says: "changed a cluster" },
  { programs: ["helm"], when: begins(/^(?:install|upgrade|uninstall|delete|rollback|push)\b/, 2), says: "changed a cluster" },
  { programs: ["terraform", "tofu", "pulumi", "terragrunt", "cdk", "serverless", "sls"], when: begins(/^(?:apply|destroy|import|up|deploy|remove|refresh|state (?:rm|mv|push))\b/, 2), says: "changed infrastructure" },
  { programs: ["aws", "gcloud", "az", "doctl", "flyctl", "fly", "heroku", "vercel", "netlify", "wrangler", "firebase", "gsutil"], when: (args) => !args.some((each) => /^(?:list|ls|describe|show|get|version|--version|help|--help|whoami|logs|status)$|^(?:list|describe|get)-/.test(each)), says: "may have changed something in a cloud" },
  { programs: ["docker", "podman"], when: begins(/^(?:(?:image )?push|(?:volume|system|container|image|network) (?:rm|prune)|rm|rmi)\b/, 2), says: "changed a registry, or containers and volumes" },
  { programs: ["docker", "podman"], when: begins(/^(?:run|start|restart|stop|kill|exec|compose (?:up|down|start|stop|restart|rm|run|exec))\b/, 2), says: "started, stopped or used a container" },
  { programs: ["docker-compose"], when: begins(/^(?:up|down|start|stop|restart|rm|run|exec)\b/, 2), says: "started, stopped or used a container" },
  { programs: ["psql", "mysql", "mariadb", "sqlite3", "redis-cli", "mongosh", "mongo", "cqlsh", "clickhouse-client", "duckdb", "pg_restore", "dropdb", "createdb", "mysqladmin"], when: (args) => !has(/^(?:--version|--help|-\?)$/)(args), says: "may have changed a database" },
  { programs: ["prisma"], when: begins(/^(?:migrate (?:dev|deploy|reset)|db (?:push|seed|execute))\b/), says: "changed a database" },
  { programs: ["npx", "bunx", "pnpm", "yarn", "bun"], when: begins(/^(?:(?:exec|dlx|x|run) )?(?:prisma (?:migrate (?:dev|deploy|reset)|db (?:push|seed|execute))|(?:knex|sequelize|typeorm|drizzle-kit)\S* \S*(?:migrate|migration|push|rollback))\b/), says: "changed a database" },
  { programs: ["rails", "rake", "bin/rails", "bin/rake"], when: begins(/^db:/), says: "changed a database" },
  { programs: ["bundle"], when: begins(/^exec (?:rails|rake) db:/), says: "changed a database" },
  { programs: ["alembic", "flyway", "liquibase", "dbmate", "goose"], when: begins(/^(?:upgrade|downgrade|migrate|update|rollback|up|down|clean)\b/), says: "changed a database" },
  { programs: ["python", "python3", "./manage.py", "manage.py"], when: begins(/^(?:\S*manage\.py )?(?:migrate|flush|loaddata)\b/), says: "changed a database" },
  { programs: ["kill", "pkill", "killall", "xkill"], when: (args) => !has(/^(?:-l|-L|--list|-0)$/)(args), says: "ended a process that was running" },
  { programs: ["systemctl", "launchctl", "service", "initctl", "rc-service"], when: (args) => !has(/^(?:status|show|cat|list.*|is-.*|print|--version)$/)(args), says: "changed a service of the system" },
  { programs: ["shutdown", "reboot", "halt", "poweroff"], says: "stopped the machine" },
  { programs: ["mail", "mailx", "sendmail", "mutt", "msmtp", "swaks"], says: "sent mail" },
  { programs: ["crontab"], when: (args) => !has(/^-l$/)(args), says: "changed scheduled jobs" },
  { programs: ["apt", "apt-get", "dnf", "yum", "pacman", "apk", "brew", "snap"], when: begins(/^(?:install|remove|purge|upgrade|uninstall|add|del|autoremove|dist-upgrade|full-upgrade)\b/), says: "changed programs installed on the machine" },
];
