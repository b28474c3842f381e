/**
 * Clients other than Claude Code, pinned and installed on demand into a cache, each in a home of its own with a model on
 * loopback. What cannot be installed is a skipped test that says why.
 */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CLI } from "./tidemark.ts";

const runFile = promisify(execFile);

/** What `docs/clients.md` says was seen working. */
export const OTHERS = {
  codex: "@openai/codex@0.169.0",
  gemini: "@google/gemini-cli@0.61.0",
  opencode: "opencode-ai@1.18.33",
  "mcp-inspector": "@modelcontextprotocol/inspector@2.12.0",
  mcpc: "@apify/mcpc@0.2.6",
  "mcp-remote": "mcp-remote@0.15.1",
} as const;

export type Other = keyof typeof OTHERS;

export interface Found {
  readonly binary: string;
  readonly missing?: string;
}

/** opencode fetches its program in an install script of its own package; that of the others is in the package. */
const SCRIPTS = new Set<Other>(["opencode"]);

export async function other(name: Other): Promise<Found> {
  const folder = join(process.env["TIDEMARK_CLIENT_CACHE"] ?? join(homedir(), ".cache/tidemark-client"), OTHERS[name].replaceAll("/", "+"));
  const binary = join(folder, "node_modules/.bin", name);
  const ready = join(folder, "ready");
  try {
    if (!existsSync(ready)) {
      mkdirSync(folder, { recursive: true });
      await runFile("npm", ["install", "--prefix", folder, ...(SCRIPTS.has(name) ? [] : ["--ignore-scripts"]), "--no-save", "--no-audit", "--no-fund", "--force", OTHERS[name]], { timeout: 300_000 });
      if (!existsSync(binary)) throw new Error(`it has no ${name}`);
      writeFileSync(ready, "");
    }
    return { binary };
  } catch (error) {
    const missing = `${OTHERS[name]} could not be installed into ${folder}: ${(error as Error).message.trim().split("\n").slice(-3).join(" ")}`;
    process.stderr.write(`\n*** SKIPPED: ${missing}\n\n`);
    return { binary, missing };
  }
}

export interface Place {
  readonly home: string;
  /** A git repository with one commit, by its real path. */
  readonly repo: string;
  readonly env: Record<string, string>;
  /** Runs until it ends; killed with all it started after `within`. `interrupt`: Ctrl-C, when it comes to pass. `requests`: of JSON-RPC, each after the answer to the one before. */
  run(program: string, args: readonly string[], options?: { readonly env?: Record<string, string>; readonly within?: number; readonly input?: string; readonly interrupt?: Promise<unknown>; readonly requests?: readonly object[] }): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  tidemark(...args: string[]): Promise<string>;
  json(...args: string[]): Promise<any>;
}

export async function someplace(until: (done: () => void) => void): Promise<Place> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-other-")));
  const [home, repo] = [join(root, "home"), join(root, "repo")];
  for (const folder of [home, repo, join(root, "tmp")]) mkdirSync(folder);
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", HOME: home, TMPDIR: join(root, "tmp"), LANG: "C.UTF-8", TZ: "UTC", NO_COLOR: "1", TIDEMARK_HOME: join(root, "state"), GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  const running = new Set<number>();
  until(() => {
    for (const pid of running) end(pid);
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });

  const place: Place = {
    home, repo, env,
    async run(program, args, { env: more = {}, within = 90_000, input = "", interrupt, requests } = {}) {
      const child = spawn(program, args, { cwd: repo, env: { ...env, ...more }, detached: true, stdio: ["pipe", "pipe", "pipe"] });
      running.add(child.pid!);
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text));
      child.stdin.on("error", () => {});
      if (requests === undefined) child.stdin.end(input);
      else void converse(child, requests).then(() => end(child.pid!));
      // A terminal tells the whole group.
      void interrupt?.then(() => process.kill(-child.pid!, "SIGINT"));
      const late = setTimeout(() => end(child.pid!), within);
      const code = await new Promise<number | null>((done, failed) => child.on("error", failed).on("close", done));
      clearTimeout(late);
      end(child.pid!);
      running.delete(child.pid!);
      return { code, out, err };
    },
    async tidemark(...args) {
      const { code, out, err } = await place.run(process.execPath, [CLI, ...args]);
      if (code !== 0) throw new Error(`tidemark ${args.join(" ")}: ${out}${err}`);
      return out;
    },
    json: async (...args) => JSON.parse(await place.tidemark(...args, "--json")).data,
  };
  const git = (...args: string[]): Promise<unknown> => place.run("git", ["-c", "user.name=Suite", "-c", "user.email=suite@example.invalid", ...args]);
  await git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(repo, "notes.txt"), "one\ntwo\n");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "first");
  return place;
}

async function converse(child: ChildProcessWithoutNullStreams, requests: readonly object[]): Promise<void> {
  for (const [i, request] of requests.entries()) {
    const answered = new Promise<void>((done) => child.stdout.on("data", (text: string) => (text.includes(`"id":${i + 1},`) ? done() : undefined)));
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: i + 1, ...request })}\n`);
    await answered;
    if (i === 0) child.stdin.write('{"jsonrpc":"2.0","method":"initialized"}\n');
  }
}

function end(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}
