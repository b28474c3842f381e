/** `tidemark serve` in the world of a client: started on a free port, ended with the test. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { CLI } from "./tidemark.ts";

export interface Served {
  readonly url: string;
  readonly token: string;
  /** The line that adds it to Claude Code, as it was printed. */
  readonly add: string;
}

export async function serve({ repo, env }: { readonly repo: string; readonly env: Readonly<Record<string, string>> }): Promise<Served> {
  const child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--json"], { cwd: repo, env: { ...env }, stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill());
  let out = "";
  for await (const part of child.stdout.iterator({ destroyOnReturn: false })) {
    out += String(part);
    if (out.includes("\n")) break;
  }
  const { url, token_file: file, add } = JSON.parse(out).data;
  return { url, token: readFileSync(file, "utf8").trim(), add: add["claude-code"] };
}
