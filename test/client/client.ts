/**
 * The real client, pinned, in a world of its own: installed on demand into a cache, started with an environment made
 * from nothing, talking to a model on loopback. Nothing of the person's own configuration is seen or written, and
 * whatever was started is ended. Used by the suite beside it and by `bench/capture/hooks.ts`.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { type Asked, type Model, type Script, startModel } from "./model.ts";
import { startTui, type Tui } from "./tui.ts";

const runFile = promisify(execFile);

/** The versions sampled in `docs`: what an unpinned install gives on Node 20, and the latest when this was written. */
export const VERSIONS = ["2.1.197", "2.1.330"] as const;

export type Version = (typeof VERSIONS)[number];

export type Client = { readonly version: Version; readonly binary: string } | { readonly version: Version; readonly missing: string };

const cacheFolder = (version: Version): string => join(process.env["TIDEMARK_CLIENT_CACHE"] ?? join(homedir(), ".cache/tidemark-client"), version);

/** As the vendor names its packages: one per platform, holding an executable that needs no Node. */
function platformPackage(): string {
  const musl = process.platform === "linux" && (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined)?.header?.glibcVersionRuntime === undefined;
  return `@anthropic-ai/claude-code-${process.platform}-${process.arch}${musl ? "-musl" : ""}`;
}

/**
 * The client's executable, fetched once. No install script is run. Where it cannot be had, `missing` says why
 * (present.ts skips a suite then).
 */
export async function client(version: Version): Promise<Client> {
  const name = platformPackage();
  const folder = cacheFolder(version);
  const binary = join(folder, "node_modules", name, process.platform === "win32" ? "claude.exe" : "claude");
  const ready = join(folder, "ready");
  try {
    if (!existsSync(ready)) {
      mkdirSync(folder, { recursive: true });
      // --force: the wrapper's engine rule is not the executable's.
      await runFile("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--force", `${name}@${version}`], { timeout: 300_000 });
      const { stdout } = await runFile(binary, ["--version"], { env: { HOME: folder, PATH: process.env["PATH"] ?? "" }, timeout: 60_000 });
      if (!stdout.startsWith(version)) throw new Error(`it calls itself ${stdout.trim()}`);
      writeFileSync(ready, stdout);
    }
    return { version, binary };
  } catch (error) {
    return { version, missing: `${name}@${version} could not be installed into ${folder}: ${(error as Error).message.trim().split("\n").slice(-3).join(" ")}` };
  }
}

/** Both versions, those that are missing with a loud reason. */
export async function clients(): Promise<Client[]> {
  const found: Client[] = [];
  for (const version of VERSIONS) found.push(await client(version));
  for (const one of found) if ("missing" in one) process.stderr.write(`\n*** SKIPPED: the real client ${one.version} is not here: ${one.missing}\n\n`);
  return found;
}

export interface Hook {
  readonly hook_event_name: string;
  readonly session_id: string;
  readonly transcript_path: string;
  readonly [field: string]: any;
}

export interface Ran {
  /** Exit code, or the signal's name. */
  readonly exit: number | string;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
  /** What the model was asked during the run. */
  readonly asked: Asked[];
  /** `--output-format json`, when that was printed. */
  readonly result: any;
  /** With `network`: the addresses that were connected or sent to, sockets of the machine itself left out. */
  readonly connected?: string[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends a signal to the client, and to nothing else, when this is kept. */
  readonly kill?: { readonly signal: NodeJS.Signals; readonly when: Promise<unknown> };
  readonly within?: number;
  /** Watches what the client and its children connect to (strace); `connected` of the result is then there. */
  readonly network?: true;
}

export interface World {
  readonly version: Version;
  readonly root: string;
  /** The person's home, the client's configuration folder, Tidemark's state. */
  readonly home: string;
  readonly config: string;
  readonly state: string;
  /** A git repository with one commit. */
  readonly repo: string;
  readonly model: Model;
  readonly env: Record<string, string>;
  /** `claude -p` and anything else that ends by itself. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** `-p` with what every case needs: JSON out, tools allowed. */
  ask(prompt: string, args?: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The client in a terminal (tmux). */
  tui(args?: readonly string[], options?: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> }): Promise<Tui>;
  settings(value?: object): any;
  /** `.claude.json` of this world: MCP servers, trust. */
  account(change?: (value: any) => void): any;
  /** Main transcripts, path → records. */
  transcripts(): Map<string, any[]>;
  /** Live processes born in this world, by `/proc`; empty where there is none. */
  processes(): { pid: number; command: string }[];
  git(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

const KEY = "sk-ant-api03-loopback-0123456789abcdefghij";

/** What `-p` is allowed in these tests. Everything runs in a scratch repository. */
export const ALLOWED = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash,Write,Edit,Read,Agent,Task"];

export async function world({ version, binary }: { version: Version; binary: string }, until: (done: () => Promise<void>) => void, options: { readonly root?: string; readonly script?: Script } = {}): Promise<World> {
  const root = realpathSync(options.root ?? mkdtempSync(join(tmpdir(), "tidemark-client-")));
  const [home, config, state, repo] = ["home", "config", "state", "repo"].map((name) => join(root, name)) as [string, string, string, string];
  for (const folder of [home, config, repo, join(root, "tmp")]) mkdirSync(folder, { recursive: true });
  const model = await startModel(options.script);
  const mark = `${process.pid}-${Math.random().toString(36).slice(2)}`;
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    TMPDIR: join(root, "tmp"),
    LANG: "C.UTF-8",
    TZ: "UTC",
    SHELL: "/bin/bash",
    CLAUDE_CONFIG_DIR: config,
    TIDEMARK_HOME: state,
    TIDEMARK_TEST_WORLD: mark,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: KEY,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
  };
  const started = new Set<() => Promise<void>>();

  const account = (change?: (value: any) => void): any => edit(join(config, ".claude.json"), change);
  account((value) => {
    value.hasCompletedOnboarding = true;
    value.theme = "dark";
    value.customApiKeyResponses = { approved: [KEY.slice(-20)], rejected: [] };
    value.projects = { [repo]: { hasTrustDialogAccepted: true } };
  });

  async function git(...args: string[]): Promise<string> {
    const { stdout } = await runFile("git", ["-c", "user.name=Suite", "-c", "user.email=suite@example.invalid", ...args], { cwd: repo, env });
    return stdout.trim();
  }
  if (!existsSync(join(repo, ".git"))) {
    await git("init", "--quiet", "--initial-branch=main");
    mkdirSync(join(repo, "sub"));
    writeFileSync(join(repo, "notes.txt"), "one\ntwo\n");
    writeFileSync(join(repo, "sub/inner.txt"), "inner\n");
    await git("add", "--all");
    await git("commit", "--quiet", "--message", "first");
  }

  async function run(args: readonly string[], { cwd = repo, input = "", env: more = {}, kill, within = 90_000, network }: RunOptions = {}): Promise<Ran> {
    const before = model.asked.length;
    const begun = performance.now();
    const trace = join(root, `network-${begun}`);
    const [program, ...words] = network === true ? ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-e", "signal=none", "-o", trace, binary, ...args] : [binary, ...args];
    // A group of its own, so that all of it can be ended when time is up.
    const child = spawn(program!, words, { cwd, env: { ...env, ...more }, stdio: ["pipe", "pipe", "pipe"], detached: true });
    const end = async (): Promise<void> => void endGroup(child.pid!);
    started.add(end);
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text));
    child.stdin.on("error", () => {}).end(input);
    let never: unknown;
    kill?.when.then(
      () => child.kill(kill.signal),
      (error: unknown) => {
        never = error;
        endGroup(child.pid!);
      },
    );
    const late = setTimeout(() => endGroup(child.pid!), within);
    const exit = await new Promise<number | string>((done, failed) => child.on("error", failed).on("exit", (code, name) => done(code ?? name ?? -1)));
    clearTimeout(late);
    // Output may be held open by something that outlives the client; it is not waited for.
    await Promise.race([new Promise((done) => child.on("close", done)), pause(300)]);
    started.delete(end);
    const ms = performance.now() - begun;
    if (never !== undefined) throw never;
    if (ms >= within) throw new Error(`claude ${args.join(" ")} did not end within ${within} ms\n${out.slice(-2000)}\n${err.slice(-2000)}`);
    return { exit, out, err, ms, asked: model.asked.slice(before), result: parsed(out), ...(network === true ? { connected: addressesIn(readFileSync(trace, "utf8")) } : {}) };
  }

  const made: World = {
    version,
    root,
    home,
    config,
    state,
    repo,
    model,
    env,
    run,
    ask: (prompt, args = [], more) => run(["-p", prompt, "--output-format", "json", ...ALLOWED, ...args], more),
    async tui(args = [], more = {}) {
      const tui = await startTui({ binary, args, cwd: more.cwd ?? repo, env: { ...env, TERM: "xterm-256color", ...more.env }, folder: root });
      started.add(() => tui.close());
      return tui;
    },
    settings: (value) => (value === undefined ? edit(join(config, "settings.json")) : edit(join(config, "settings.json"), (old) => Object.assign(old, value))),
    account,
    transcripts() {
      const found = new Map<string, any[]>();
      const projects = join(config, "projects");
      for (const slug of existsSync(projects) ? readdirSync(projects) : [])
        for (const name of readdirSync(join(projects, slug)).filter((file) => file.endsWith(".jsonl"))) {
          const path = join(projects, slug, name);
          found.set(path, readFileSync(path, "utf8").split("\n").map(parsed).filter((record) => record !== undefined));
        }
      return found;
    },
    processes: () => bornIn(mark),
    git,
    async close() {
      for (const end of started) await end();
      await model.close();
      // A server whose client was killed is given a moment to see the end of its input; then nothing may be left.
      for (let tries = 0; tries < 20 && bornIn(mark).length > 0; tries++) await pause(50);
      for (const { pid } of bornIn(mark)) quietly(() => process.kill(pid, "SIGKILL"));
      if (options.root === undefined) rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
  until(() => made.close());
  return made;
}

function edit(path: string, change?: (value: any) => void): any {
  const value = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  if (change === undefined) return value;
  change(value);
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
  return value;
}

function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function quietly(what: () => void): void {
  try {
    what();
  } catch {
    // Already gone.
  }
}

/** Internet addresses in what strace saw; sockets of families that do not leave the machine carry none. */
const addressesIn = (trace: string): string[] => [...new Set([...trace.matchAll(/inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"/g)].map(([, four, six]) => four ?? six!))];

/** Whether the network can be watched here. */
export function canWatch(): boolean {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const endGroup = (pid: number): void => quietly(() => process.kill(-pid, "SIGKILL"));

function bornIn(mark: string): { pid: number; command: string }[] {
  if (process.platform !== "linux") return [];
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    quietly(() => {
      if (!readFileSync(`/proc/${name}/environ`, "utf8").includes(`TIDEMARK_TEST_WORLD=${mark}`)) return;
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid: Number(name), command });
    });
  }
  return found;
}
