/**
 * Starts writer.ts as real processes. Node 20 cannot run TypeScript, so it is bundled once per test file, inside the
 * project, where packages left out of the bundle are found.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { build } from "esbuild";

export interface Bundle {
  readonly script: string;
  remove(): Promise<void>;
}

export async function bundleWriter(): Promise<Bundle> {
  const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "damage-"));
  const script = join(folder, "writer.mjs");
  await build({ entryPoints: [fileURLToPath(new URL("writer.ts", import.meta.url))], outfile: script, bundle: true, format: "esm", platform: "node", target: "node20.19", packages: "external" });
  return { script, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said, line by line; a line that was cut off is not among them. */
  readonly said: Record<string, unknown>[];
  readonly errors: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly firstLine: Promise<void>;
  /** When it has said so many lines, or is at its end. */
  readonly lines: (count: number) => Promise<void>;
  readonly ended: Promise<Ended>;
}

export function start(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (data: Buffer) => void (output += data.toString("utf8")));
  const lines = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => void (output.split("\n").length > count && resolve());
      child.stdout.on("data", look);
      child.once("close", () => resolve());
      look();
    });
  child.stderr.on("data", (data: Buffer) => void (errors += data.toString("utf8")));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const lines = output.split("\n").slice(0, -1);
      resolve({ code, signal, said: lines.map((line) => JSON.parse(line) as Record<string, unknown>), errors });
    });
  });
  return { child, firstLine: lines(1), lines, ended };
}
