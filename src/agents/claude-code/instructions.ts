/**
 * What Claude Code's own configuration says about instruction files: which are left out, whether imports from outside were
 * approved, where its auto memory lies. Everything is only read; a settings file that is no JSON is passed over, as the
 * client passes over it. Which files are then loaded is decided in context/instructions.ts.
 */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { isRecord } from "../../base/json.ts";

export interface InstructionSettings {
  readonly excludes: readonly string[];
  readonly approved: boolean;
  /** The index of auto memory; undefined where it is off. */
  readonly autoMemory?: string;
}

export interface Place {
  readonly cwd: string;
  readonly project: string;
  readonly home: string;
  readonly configDir: string;
  readonly managedDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Where an administrator puts what holds for everyone on the machine. */
export function managedFolder(platform: string): string {
  if (platform === "darwin") return "/Library/Application Support/ClaudeCode";
  return platform === "win32" ? "C:\\Program Files\\ClaudeCode" : "/etc/claude-code";
}

export function instructionSettings(place: Place): InstructionSettings {
  const { cwd, project, home, configDir, managedDir, environment } = place;
  const own = [join(configDir, "settings.json"), join(cwd, ".claude/settings.local.json"), join(managedDir, "managed-settings.json")].map(readRecord);
  const all = [...own, readRecord(join(cwd, ".claude/settings.json"))];
  const excludes = all.flatMap(({ claudeMdExcludes: each }) => (Array.isArray(each) ? each.filter((pattern) => typeof pattern === "string") : []));
  const off = isSet(environment["CLAUDE_CODE_DISABLE_AUTO_MEMORY"]) || all.some(({ autoMemoryEnabled }) => autoMemoryEnabled === false);
  // What is checked in may not say where private notes go.
  const named = own.map(({ autoMemoryDirectory }) => autoMemoryDirectory).find((each) => typeof each === "string" && each !== "") as string | undefined;
  const memory = named === undefined ? memoryFolder(configDir, project) : folderNamed(named, home);
  return { excludes, approved: isApproved(place), ...(off || memory === undefined ? {} : { autoMemory: join(memory, "MEMORY.md") }) };
}

const isSet = (value: string | undefined): boolean => value !== undefined && !["", "0", "false"].includes(value);

function folderNamed(named: string, home: string): string | undefined {
  if (named.startsWith("~/")) return join(home, named.slice(2));
  return isAbsolute(named) ? named : undefined;
}

/** The client shortens names of more than this and adds a hash of its own making. */
const LONGEST_NAME = 200;

function memoryFolder(configDir: string, project: string): string | undefined {
  const name = project.replace(/[^a-zA-Z0-9]/g, "-");
  const projects = join(configDir, "projects");
  if (name.length <= LONGEST_NAME) return join(projects, name, "memory");
  try {
    const [only, ...more] = readdirSync(projects).filter((each) => each.startsWith(`${name.slice(0, LONGEST_NAME)}-`));
    return only === undefined || more.length > 0 ? undefined : join(projects, only, "memory");
  } catch {
    return undefined;
  }
}

/** The account's file lies in the configuration folder where that was chosen, else beside it. An approval holds for all below its folder. */
function isApproved({ cwd, project, configDir }: Place): boolean {
  const inside = readRecord(join(configDir, ".claude.json"));
  const { projects } = Object.keys(inside).length > 0 ? inside : readRecord(join(dirname(configDir), ".claude.json"));
  if (!isRecord(projects)) return false;
  const folders = [project];
  for (let at = cwd; at.startsWith(`${project}/`); at = dirname(at)) folders.push(at);
  if (!folders.includes(cwd)) folders.push(cwd);
  return folders.some((folder) => {
    const about = Object.hasOwn(projects, folder) ? projects[folder] : undefined;
    return isRecord(about) && about["hasClaudeMdExternalIncludesApproved"] === true;
  });
}

function readRecord(path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
