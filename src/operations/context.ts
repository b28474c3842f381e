/**
 * What an agent that works at a place is given: instruction files in order, what each costs, and what is wrong with them.
 * Printing is the shell's; versions of these files are context-versions.ts.
 */
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { otherSettings, type OtherAgent } from "../agents/instructions.ts";
import { TidemarkError } from "../base/errors.ts";
import { loadTokenizer } from "../base/tokens.ts";
import { claimsOf, type Claim } from "../context/instruction-claims.ts";
import { warningsOf, type Warning } from "../context/instruction-warnings.ts";
import { codexInstructions, geminiInstructions } from "../context/instructions-others.ts";
import type { Kind, Loaded, Reason } from "../context/instructions.ts";
import { TreeClaims } from "../worktree/claims.ts";
import { realPlace, treeOf } from "../worktree/project.ts";
import { kindOf } from "../worktree/repository.ts";
import { claudeInstructionsAt, DISK, type Start } from "./instructions.ts";

export type AgentName = "claude-code" | OtherAgent;

export const AGENTS: readonly AgentName[] = ["claude-code", "codex", "gemini"];

export interface ContextOptions extends Omit<Start, "cwd" | "open"> {
  readonly agent: AgentName;
  /** A folder, where the agent is started; or a file, which it opens. */
  readonly path: string;
  /** Where it is started, where that is not said by the path. */
  readonly from?: string;
  /** Where the command was called. */
  readonly cwd: string;
}

export interface ContextFile {
  readonly path: string;
  readonly kind: Kind;
  readonly reason: Reason;
  readonly tokens: number;
  readonly bytes: number;
  readonly warnings: readonly Warning[];
  readonly importedBy?: string;
  readonly openedFor?: string;
  readonly patterns?: readonly string[];
}

export interface AgentContext {
  readonly agent: AgentName;
  readonly from: string;
  readonly open?: string;
  readonly files: readonly ContextFile[];
  readonly tokens: number;
  /** Files that are not loaded, with the reason. */
  readonly others: readonly { readonly path: string; readonly warnings: readonly Warning[] }[];
}

export async function contextAt(options: ContextOptions): Promise<AgentContext> {
  const place = placeOf(options);
  const loaded = instructionsAt(options, place);
  const countTokens = await loadTokenizer();
  const warnings = warningsOf(loaded, goneIn(loaded, place.from, options.environment));
  const files = loaded.files.map(({ path, kind, reason, text, bytes, importedBy, openedFor, patterns }) => ({
    path, kind, reason, tokens: countTokens(text), bytes, warnings: warnings.get(path) ?? [],
    ...(importedBy === undefined ? {} : { importedBy }), ...(openedFor === undefined ? {} : { openedFor }), ...(patterns === undefined ? {} : { patterns }),
  }));
  const shown = new Set(files.map(({ path }) => path));
  const others = [...warnings].filter(([path]) => !shown.has(path)).map(([path, own]) => ({ path, warnings: own }));
  return { agent: options.agent, ...place, files, tokens: files.reduce((sum, { tokens }) => sum + tokens, 0), others };
}

export function instructionsAt(options: ContextOptions, { from, open }: Place): Loaded {
  if (options.agent === "claude-code") return claudeInstructionsAt({ ...options, cwd: from, ...(open === undefined ? {} : { open }) });
  const tree = treeOf(from);
  const settings = otherSettings(options.agent, { home: options.home, cwd: from, environment: options.environment });
  const situation = { cwd: from, ...(open === undefined ? {} : { open }), tree, repository: kindOf(tree) !== undefined, ...settings };
  return options.agent === "codex" ? codexInstructions(DISK, situation) : geminiInstructions(DISK, situation);
}

export interface Place {
  readonly from: string;
  readonly open?: string;
}

/** A file is opened by an agent that was started where the command is called, if it lies below, else at its tree's root. */
export function placeOf({ path, from, cwd }: Pick<ContextOptions, "path" | "from" | "cwd">): Place {
  const at = realPlace(join(path, "."));
  const about = statSync(path, { throwIfNoEntry: false });
  if (about === undefined) throw new TidemarkError("PATH_MISSING", `${path} does not exist`, { hint: "Name a folder or a file that is there." });
  const start = from === undefined ? undefined : folderAt(from);
  if (about.isDirectory()) {
    const folder = realPlace(join(at, "x")).slice(0, -2);
    return start === undefined || start === folder ? { from: folder } : { from: start, open: join(folder, "any file") };
  }
  const here = realPlace(join(cwd, "x")).slice(0, -2);
  return { from: start ?? (at.startsWith(`${here}/`) ? here : treeOf(dirname(at))), open: at };
}

function folderAt(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new TidemarkError("PATH_MISSING", `${path} is no folder`, { hint: "--from takes the folder that the agent is started in." });
  return realPlace(join(path, "x")).slice(0, -2);
}

/** What the files say of the tree that no longer holds. Files of the user's own speak of no tree in particular. */
function goneIn({ files }: Loaded, from: string, environment: Start["environment"]): Map<string, Claim[]> {
  const gone = new Map<string, Claim[]>();
  let tree: TreeClaims | undefined;
  for (const { path, real, raw, kind } of files) {
    if (kind !== "project" && kind !== "local") continue;
    const claims = claimsOf(raw);
    if (claims.length === 0) continue;
    tree ??= new TreeClaims(from, environment);
    const own = claims.filter((claim) => !tree!.holds(claim, dirname(real)));
    if (own.length > 0) gone.set(path, own);
  }
  return gone;
}
