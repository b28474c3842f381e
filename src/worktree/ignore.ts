/**
 * Which files of a tree are looked after (docs/checkpoints.md says it in words): everything that the user's ignore rules do
 * not name, never the innards of a version control system, never trees of dependencies; and of what is ignored the small
 * files that hold someone's local settings. Rules are git's, read with the package `ignore`, one rule file at a time; which
 * file holds where, and that the nearest one decides, is decided here. Pure.
 */
import ignore, { type Ignore } from "ignore";

/** Rule files that hold in a folder, the nearest first. */
export interface Rules {
  readonly matcher: Ignore;
  /** Where the rule file is, relative to the root, with a slash at its end; "" is the root. */
  readonly base: string;
  readonly above: Rules | undefined;
}

export function withRules(above: Rules | undefined, base: string, text: string): Rules | undefined {
  // The file that `git init` makes holds comments alone; asking a matcher without rules of 94,000 paths took half a second.
  return /^[ \t]*[^#\s]/m.test(text) ? { matcher: ignore({ ignorecase: false }).add(text), base, above } : above;
}

export function isIgnored(rules: Rules | undefined, path: string, folder: boolean): boolean {
  for (let each = rules; each !== undefined; each = each.above) {
    const inside = path.slice(each.base.length);
    const { ignored, unignored } = each.matcher.test(folder ? `${inside}/` : inside);
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** The innards of version control: their own tools undo what happens in them. */
const INNARDS = new Set([".git", ".hg", ".svn", ".jj", ".bzr", "_darcs"]);

/** Made anew by a command, and large. A tracked file in one of them is looked after all the same. */
const DEPENDENCIES = new Set(["node_modules", "bower_components", ".pnpm-store", ".yarn", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".gradle", ".terraform", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", ".cache", ".direnv", ".bundle", ".dart_tool", "Pods", "DerivedData", ".eggs"]);

export function isInnards(name: string): boolean {
  return INNARDS.has(name);
}

export function isDependencies(name: string): boolean {
  return DEPENDENCIES.has(name);
}

/** Local settings that are ignored so that they are not shared, and are nowhere else. */
const LOCAL = /^(?:\.env(?:\..+)?|\.envrc|\.dev\.vars|.+\.local|.+\.local\.(?:json|ya?ml|toml|md|js|ts)|local\.(?:settings\.json|properties|ya?ml|toml)|\.npmrc|\.pypirc)$/;

/** The most that such a file may have, in bytes. */
export const LOCAL_SIZE = 64 * 1024;

export function isLocalSettings(name: string): boolean {
  return LOCAL.test(name);
}

/** As restore-path.ts names them, by the restore's id (12 hexadecimal digits) and the number of its step. */
const OWN_TEMPORARY = /^\.tidemark-[0-9a-f]{12}-\d+(?:\.aside|\.link)?$/;

/** What a restore writes beside a file while it works. Whatever else begins like that is the user's. */
export function isOwnTemporary(name: string): boolean {
  return OWN_TEMPORARY.test(name);
}
