/**
 * Beginning a piece of work from a template: ours, or one that the repository has in .tidemark/templates. One from the
 * repository is someone's text: it is read as a plain file, never followed out of the tree, and said to come from there
 * wherever it is given to an agent. Nothing that stands there is overwritten.
 */
import { existsSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { MEMORY_TEMPLATE, sessionTemplate, TEMPLATE_NAMES } from "../context/templates.ts";
import { whyLeftAlone } from "../context/session-file.ts";
import type { Store } from "../store/store.ts";
import { readPlain } from "../worktree/read.ts";
import { beginSessionFile } from "./session-file.ts";

const FOLDER = ".tidemark/templates";
const NAME = /^[A-Za-z0-9][\w-]{0,63}$/;

/** Of a template, in characters. */
const MOST = 64 * 1024;

export interface Template {
  readonly name: string;
  readonly text: string;
  /** Its file, where the repository has it. */
  readonly file?: string;
}

export function findTemplate(tree: string, name: string): Template {
  const own = ownTemplates(tree);
  if (own.includes(name)) return { name, ...ownTemplate(tree, name) };
  const text = sessionTemplate(name);
  if (text !== undefined) return { name, text };
  throw new TidemarkError("TEMPLATE_UNKNOWN", `There is no template "${name}"`, { hint: `One of ${[...TEMPLATE_NAMES, ...own].join(", ")}, or a file of your own in ${FOLDER}` });
}

/** A link may lead anywhere, on each part of the way. */
function ownTemplates(tree: string): string[] {
  const folders = [join(tree, ".tidemark"), join(tree, FOLDER)];
  if (folders.some((folder) => lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)) return [];
  return readdirSync(folders[1]!).flatMap((file) => (file.endsWith(".md") && NAME.test(file.slice(0, -3)) ? [file.slice(0, -3)] : [])).sort();
}

function ownTemplate(tree: string, name: string): { text: string; file: string } {
  const file = `${FOLDER}/${name}.md`;
  const refuse = (why: string, cause?: unknown): TidemarkError => new TidemarkError("TEMPLATE_UNKNOWN", `${file} cannot be used: ${why}`, { cause, hint: "Mend the file, or name another template." });
  let text: string | undefined;
  try {
    text = readPlain(join(tree, file), false);
  } catch (error) {
    throw refuse(`it cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  if (text === undefined) throw refuse("it is no plain file");
  if (text.length > MOST) throw refuse(`it is longer than ${MOST.toLocaleString("en-US")} characters`);
  const why = whyLeftAlone(text);
  if (why !== undefined) throw refuse(why);
  return { text, file };
}

export interface Begun {
  readonly name: string;
  readonly text: string;
  /** The repository's file that it was read from; null for one of ours. */
  readonly from: string | null;
  readonly files: { readonly path: string; readonly kind: "session" | "memory"; readonly change: "created" | "kept" }[];
}

/** `memory`: a CLAUDE.md as well, where none is. */
export async function beginFromTemplate(store: () => Promise<Store>, home: string, tree: string, { name, text, file }: Template, options: { readonly memory: boolean; readonly dryRun: boolean; readonly now: number }): Promise<Begun> {
  const { path } = await beginSessionFile(await store(), home, tree, { text, ...options, ...(file === undefined ? {} : { from: `from the repository's template ${file}` }) });
  const files: Begun["files"] = [{ path, kind: "session", change: "created" }];
  if (options.memory) {
    const memory = join(tree, "CLAUDE.md");
    const there = [memory, join(tree, ".claude/CLAUDE.md")].find((each) => existsSync(each) || lstatSync(each, { throwIfNoEntry: false }) !== undefined);
    // Made only where nothing stands, also not since the look above.
    if (there === undefined && !options.dryRun) writeFileSync(memory, MEMORY_TEMPLATE, { flag: "wx" });
    files.push({ path: there ?? memory, kind: "memory", change: there === undefined ? "created" : "kept" });
  }
  return { name, text, from: file ?? null, files };
}
