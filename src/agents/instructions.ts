/**
 * Where Codex and Gemini CLI keep what their user tells them everywhere, and what their settings say of instruction files.
 * Everything is only read; what cannot be read counts as not set. Claude Code's is claude-code/instructions.ts.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "../base/json.ts";

export type OtherAgent = "codex" | "gemini";

export interface OtherSettings {
  readonly configDir: string;
  /** Codex: names besides AGENTS.md. Gemini: the names, in place of GEMINI.md. */
  readonly names: readonly string[];
  readonly most?: number;
}

export function otherSettings(agent: OtherAgent, { home, cwd, environment }: { readonly home: string; readonly cwd: string; readonly environment: Readonly<Record<string, string | undefined>> }): OtherSettings {
  if (agent === "codex") {
    const configDir = environment["CODEX_HOME"] || join(home, ".codex");
    // Only what stands before the first table is the file's own.
    const [toml = ""] = (read(join(configDir, "config.toml")) ?? "").split(/^\s*\[/m);
    const most = /^\s*project_doc_max_bytes\s*=\s*([\d_]+)/m.exec(toml)?.[1];
    const names = /^\s*project_doc_fallback_filenames\s*=\s*\[([^\]]*)\]/m.exec(toml)?.[1];
    return { configDir, names: [...(names ?? "").matchAll(/"([^"]+)"|'([^']+)'/g)].map(([, one, two]) => one ?? two!), ...(most === undefined ? {} : { most: Number(most.replaceAll("_", "")) }) };
  }
  const configDir = join(environment["GEMINI_CLI_HOME"] || home, ".gemini");
  const named = [join(cwd, ".gemini/settings.json"), join(configDir, "settings.json")].map(fileName).find((each) => each !== undefined);
  return { configDir, names: named ?? ["GEMINI.md"] };
}

function fileName(path: string): string[] | undefined {
  try {
    const settings: unknown = JSON.parse(read(path) ?? "{}");
    const context = isRecord(settings) ? settings["context"] : undefined;
    const name = isRecord(context) ? context["fileName"] : undefined;
    const names = (Array.isArray(name) ? name : [name]).filter((each): each is string => typeof each === "string" && each !== "");
    return names.length === 0 ? undefined : names;
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
