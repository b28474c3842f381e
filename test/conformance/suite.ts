/**
 * The official conformance suite, pinned in package.json beside this, as a program: installed on demand into a cache, without
 * install scripts, and read for what each scenario came to. It needs Node 22: this one where it is new enough, else one that
 * is installed with it.
 */
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { sha256Hex } from "../../src/base/hash.ts";

const HERE = resolve("test/conformance");

export interface Scenario {
  readonly name: string;
  /** Checks that passed, failed, and were only warned of; those that were skipped are none of these. */
  readonly passed: number;
  readonly failed: readonly string[];
  readonly warned: readonly string[];
  /** Why a revision does not require it; undefined for one that it does. */
  readonly unscored: string | undefined;
}

/** The folder it is installed in, named by what was asked for. */
export function installSuite(): string {
  const names = ["package.json", "package-lock.json"];
  const folder = join(process.env["TIDEMARK_CLIENT_CACHE"] ?? join(homedir(), ".cache/tidemark-client"), `conformance-${sha256Hex(names.map((name) => readFileSync(join(HERE, name), "utf8")).join("")).slice(0, 12)}`);
  const ready = join(folder, "ready");
  if (existsSync(ready)) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of names) copyFileSync(join(HERE, name), join(folder, name));
  // --force: the suite's rule about Node is for the one that is installed with it.
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--force", "--loglevel=error"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  writeFileSync(ready, "");
  return folder;
}

/** Runs it against a server; everything it says goes to `out`. Rejects when it could not be run. */
export async function runSuite(suite: string, args: readonly string[], out: string): Promise<readonly Scenario[]> {
  mkdirSync(out, { recursive: true });
  const script = join(suite, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
  const said = await new Promise<string>((done, failed) => {
    // It exits with 1 where a check failed, which is told from what it says; what could not be started has no exit code.
    execFile(nodeFor(suite), [script, "server", ...args, "-o", out], { cwd: suite, maxBuffer: 64 * 1024 * 1024, env: { PATH: process.env["PATH"] ?? "", HOME: out, NO_COLOR: "1" } }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") failed(error);
      else done(stdout + stderr);
    });
  });
  writeFileSync(join(out, "said.txt"), said);
  const unscored = new Map([...said.matchAll(/^ {2}[✓✗] (\S+) \(([\w-]+)\)$/gm)].map(([, name, why]) => [name!, why!]));
  return readdirSync(out, { withFileTypes: true }).filter((each) => each.isDirectory()).map(({ name: folder }) => {
    const name = folder.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
    const checks = JSON.parse(readFileSync(join(out, folder, "checks.json"), "utf8")) as readonly { readonly id: string; readonly status: string; readonly errorMessage?: string }[];
    const of = (status: string): string[] => checks.filter((check) => check.status === status).map(({ id, errorMessage }) => `${id}: ${errorMessage ?? ""}`);
    return { name, passed: of("SUCCESS").length, failed: of("FAILURE"), warned: of("WARNING"), unscored: unscored.get(name) };
  });
}

/** What the older SDK's client (client-v1.mjs) got of a server. */
export function runOlderClient(suite: string, url: string): Promise<{ readonly tools: readonly string[]; readonly remembered: string; readonly recalled: string }> {
  const script = join(suite, "client-v1.mjs");
  copyFileSync(join(HERE, "client-v1.mjs"), script);
  return new Promise((done, failed) => {
    execFile(nodeFor(suite), [script, url], { cwd: suite }, (error, stdout) => (error === null ? done(JSON.parse(stdout)) : failed(error)));
  });
}

function nodeFor(suite: string): string {
  if (Number(process.versions.node.split(".")[0]) >= 22) return process.execPath;
  const { platform, arch } = process;
  const own = join(suite, "node_modules", `node-${platform === "win32" ? "win" : platform}-${arch}`, "bin", platform === "win32" ? "node.exe" : "node");
  if (!existsSync(own)) throw new Error(`The suite needs Node 22 or later, and none is packaged for ${platform} ${arch}: run this with one`);
  return own;
}
