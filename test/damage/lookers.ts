/** Starts looker.ts as real processes, bundled once, where another user can read it too. */
import { chmodSync, lstatSync, readdirSync, rmSync, existsSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { execFileSync, spawnSync } from "node:child_process";
import { start, type Started } from "./processes.ts";

let bundled: Promise<string> | undefined;

/** For `afterAll` of each file that starts some. */
export async function removeLooker(): Promise<void> {
  const script = await bundled;
  bundled = undefined;
  if (script !== undefined) rmSync(dirname(script), { recursive: true, force: true });
}

/** Its packages are found beside it, so it is inside the project. */
export async function lookerScript(): Promise<string> {
  // Another file of the same thread may have cleaned up after itself.
  if (bundled !== undefined && !existsSync(await bundled)) bundled = undefined;
  return (bundled ??= (async () => {
    const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
    await mkdir(cache, { recursive: true });
    const folder = await mkdtemp(join(cache, "looker-"));
    chmodSync(folder, 0o755);
    const script = join(folder, "looker.mjs");
    await build({ entryPoints: [fileURLToPath(new URL("looker.ts", import.meta.url))], outfile: script, bundle: true, format: "esm", platform: "node", target: "node20.19", packages: "external" });
    return script;
  })());
}

export async function startLooker(args: readonly string[]): Promise<Started> {
  return start(process.execPath, [await lookerScript(), ...args]);
}

const NOBODY = "65534";

/** Why nobody else can run one, if so: this is not root, there is no setpriv, or the way to it is closed to others. */
export async function nobodyIsKeptOut(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const tries = spawnSync("setpriv", ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "test", "-r", await lookerScript()]);
  return tries.status === 0 ? undefined : "root may read everything, and another user cannot reach this folder (or there is no setpriv)";
}

/** Runs one to its end and gives what it said last. As nobody, where this process is root, the tree and the state are nobody's. */
export async function runLooker(args: readonly [string, string, string, ...string[]], { asNobody = false } = {}): Promise<Record<string, unknown>> {
  const script = await lookerScript();
  const other = asNobody && process.getuid?.() === 0 && spawnSync("setpriv", ["--version"]).status === 0;
  if (other) {
    const [, root, home] = args;
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, dirname(root), home]);
    // Of the folder that holds both, only the way through is opened.
    chmodSync(dirname(root), 0o755);
  }
  const command = other ? ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", process.execPath] : [process.execPath];
  const { code, said, errors } = await start(command[0]!, [...command.slice(1), script, ...args]).ended;
  if (code !== 0 || errors !== "") throw new Error(`looker ended with ${code}: ${errors}`);
  return said.at(-1) ?? {};
}

/** The marks of someone who holds a tree. */
export function locksIn(home: string): string[] {
  const folder = join(home, "trees");
  return readdirSync(folder).filter((name) => /\.lock/.test(name) && lstatSync(join(folder, name)).isFile());
}
