/**
 * The instruction files that an agent started in a folder is given, read from the disk as it is now. Which they are is
 * decided in context/instructions.ts; this finds out where things lie and reads. Leaves out warnings and counting
 * (context.ts).
 */
import { instructionSettings } from "../agents/claude-code/instructions.ts";
import { claudeInstructions, type Files, type Loaded } from "../context/instructions.ts";
import { listInstructionFiles, matchesPatterns, readInstructionFile } from "../worktree/instructions.ts";
import { projectOf, treeOf } from "../worktree/project.ts";

export interface Start {
  /** Where the agent is started, its real place. */
  readonly cwd: string;
  /** The file that it has opened. */
  readonly open?: string;
  readonly home: string;
  readonly configDir: string;
  readonly managedDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the client, where it is known. */
  readonly version?: string;
}

export const DISK: Files = { read: readInstructionFile, list: listInstructionFiles, matches: matchesPatterns };

export function claudeInstructionsAt(start: Start, disk: Files = DISK): Loaded {
  const { cwd } = start;
  const project = projectOf(cwd);
  const settings = instructionSettings({ ...start, project });
  return claudeInstructions(disk, { ...start, ...settings, tree: treeOf(cwd), project });
}
