/** Tidemark in a world of the real client: the built command line, wired in by `init` as a person would. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { World } from "./client.ts";
import type { Asked } from "./model.ts";

const runFile = promisify(execFile);
export const CLI = resolve("dist/tidemark.js");

export async function tidemark(w: World, args: readonly string[], cwd = w.repo): Promise<string> {
  const { stdout } = await runFile(process.execPath, [CLI, ...args], { cwd, env: w.env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export const json = async (w: World, args: readonly string[], cwd?: string): Promise<any> => JSON.parse(await tidemark(w, [...args, "--json"], cwd)).data;

/** As a person does it; in CI it is asked for. */
export async function wired(w: World): Promise<void> {
  await tidemark(w, ["init", "--force"]);
}

/** What hooks of ours put into this request, or an empty string. The whole body is looked at: it lands elsewhere for other models. */
export function injected({ body }: Asked): string {
  const texts: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string") {
      texts.push(...(value.match(/<tidemark [\s\S]*?<\/tidemark>/g) ?? []));
    } else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(body.messages);
  visit(body.system);
  return texts.join("\n");
}

/** Waits until everything hooks left is taken in and every process of the world is gone. */
export async function settled(w: World, within = 15_000): Promise<void> {
  const spool = join(w.state, "spool");
  for (const end = Date.now() + within; ; await pause(100)) {
    const left = readdirSync(spool);
    const running = w.processes().filter(({ command }) => command.includes("tidemark.js"));
    if (left.length === 0 && running.length === 0) return;
    if (Date.now() > end) throw new Error(`after ${within} ms ${left.length} payloads wait and there run: ${running.map(({ command }) => command).join("; ")}`);
  }
}

/** Hooks of ours that did anything but succeed, by the client's own account in its transcripts and debug output. */
export function hookFailures(w: World): string[] {
  const failures: string[] = [];
  for (const records of w.transcripts().values()) {
    for (const record of records) {
      const kind = record.attachment?.type ?? "";
      if (/^hook_(?:non_blocking_error|blocking_error|cancelled|error)/.test(kind)) failures.push(JSON.stringify(record.attachment).slice(0, 300));
      if (Array.isArray(record.hookErrors) && record.hookErrors.length > 0) failures.push(JSON.stringify(record.hookErrors).slice(0, 300));
    }
  }
  return failures;
}
