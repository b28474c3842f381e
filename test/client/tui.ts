/**
 * The client in a terminal, by tmux: a server of its own on a socket in the world's folder, so that no session of the
 * person's is touched. Where tmux is missing, TUI cases are skipped and say so.
 */
import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const runFile = promisify(execFile);

export interface Tui {
  /** The client's own process. */
  readonly pid: number;
  /** Types text without Enter. */
  type(text: string): Promise<void>;
  /** Keys by tmux's names: Enter, Escape, Up, C-c. */
  keys(...names: string[]): Promise<void>;
  /** Types, waits until the box has taken it, and sends it. */
  send(text: string): Promise<void>;
  screen(): Promise<string>;
  waitFor(what: RegExp | string | (() => boolean), within?: number): Promise<string>;
  /** Waits for the client to be gone. */
  gone(within?: number): Promise<void>;
  alive(): Promise<boolean>;
  kill(signal?: NodeJS.Signals): void;
  /** The terminal is closed: tmux's session is killed, the client gets SIGHUP. */
  hangUp(): Promise<void>;
  close(): Promise<void>;
}

/** Why there is no terminal here, or undefined. */
export function noTerminal(): string | undefined {
  try {
    execFileSync("tmux", ["-V"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "tmux is not installed (apt-get install tmux)";
  }
}

let serial = 0;

export async function startTui({ binary, args, cwd, env, folder }: { binary: string; args: readonly string[]; cwd: string; env: Readonly<Record<string, string>>; folder: string }): Promise<Tui> {
  const socket = join(folder, `tmux-${++serial}`);
  const tmux = async (...command: string[]): Promise<string> => (await runFile("tmux", ["-S", socket, "-f", "/dev/null", ...command], { env: { PATH: env["PATH"] ?? "", LANG: "C.UTF-8", TERM: "xterm-256color" } })).stdout;
  const variables = Object.entries(env).map(([name, value]) => quoted(`${name}=${value}`));
  const line = ["exec env -i", ...variables, quoted(binary), ...args.map(quoted)].join(" ");
  await tmux("new-session", "-d", "-s", "client", "-x", "160", "-y", "50", "-c", cwd, line, ";", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "escape-time", "10");
  const pid = Number(await tmux("display-message", "-p", "-t", "client", "#{pane_pid}"));
  const screen = (): Promise<string> => tmux("capture-pane", "-p", "-t", "client").catch(() => "");
  const alive = async (): Promise<boolean> => (await tmux("display-message", "-p", "-t", "client", "#{pane_dead}").catch(() => "1")).trim() === "0";
  const keys = async (...names: string[]): Promise<void> => void (await tmux("send-keys", "-t", "client", ...names));
  const type = async (text: string): Promise<void> => void (await tmux("send-keys", "-t", "client", "-l", text));

  async function until(kept: () => Promise<boolean>, within: number, what: string): Promise<void> {
    const end = performance.now() + within;
    while (!(await kept())) {
      if (performance.now() > end) throw new Error(`${what} did not come within ${within} ms; the screen shows:\n${(await screen()).replace(/\n+$/, "")}`);
      await pause(50);
    }
  }

  return {
    pid,
    keys,
    type,
    screen,
    alive,
    async send(text) {
      await type(text);
      await until(async () => (await screen()).replace(/\s/g, "").includes(text.replace(/\s/g, "").slice(0, 40)), 5_000, `"${text}" in the box`);
      // The client takes what comes in one burst with Enter for a paste.
      await pause(500);
      await keys("Enter");
    },
    async waitFor(what, within = 30_000) {
      let shown = "";
      const kept = async (): Promise<boolean> => {
        shown = await screen();
        return typeof what === "function" ? what() : typeof what === "string" ? shown.includes(what) : what.test(shown);
      };
      await until(kept, within, String(what));
      return shown;
    },
    gone: (within = 15_000) => until(async () => !(await alive()), within, "the end of the client"),
    kill(signal = "SIGKILL") {
      process.kill(pid, signal);
    },
    async hangUp() {
      await tmux("kill-session", "-t", "client").catch(() => {});
    },
    async close() {
      await tmux("kill-server").catch(() => {});
      // SIGHUP lets the client say goodbye; it is not waited for long.
      for (let tries = 0; tries < 40 && running(pid); tries++) await pause(50);
      if (running(pid)) process.kill(pid, "SIGKILL");
    },
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function running(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
