/**
 * Whether the tree holds what an instruction file says of it: a file that is named, a script of a package, a target of a
 * Makefile. What git has in its index counts as well as what lies there, and a path counts from any folder: people leave
 * out what a reader can see. Where nothing can be known (no index, ignored paths, Makefiles that make up their targets),
 * nothing is said. Only reads.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import ignore from "ignore";
import { isLocalSettings } from "./ignore.ts";
import { readText } from "./read.ts";
import { indexOf, openRepository } from "./repository.ts";
import { treeOf } from "./project.ts";

export interface TreeClaim {
  readonly kind: "file" | "script" | "target";
  readonly value: string;
}

/** Manifests looked through in one tree. */
const MOST_MANIFESTS = 300;

export class TreeClaims {
  readonly #root: string;
  readonly #paths: readonly string[] | undefined;
  #names: Set<string> | undefined;
  #scripts: Set<string> | undefined;
  #targets: Set<string> | "unknown" | undefined;

  constructor(cwd: string, environment: Readonly<Record<string, string | undefined>>) {
    this.#root = treeOf(cwd);
    const repository = openRepository(this.#root, environment);
    const index = repository === undefined ? undefined : indexOf(repository, environment);
    this.#paths = index === undefined ? undefined : [...index.paths()];
  }

  /** `folder`: where the file lies that says it. */
  holds({ kind, value }: TreeClaim, folder: string): boolean {
    if (this.#paths === undefined) return true;
    if (kind === "script") return this.#allScripts().size === 0 || this.#allScripts().has(value);
    if (kind === "target") return this.#allTargets() === "unknown" || (this.#allTargets() as Set<string>).has(value);
    return this.#hasFile(value, folder);
  }

  #hasFile(value: string, folder: string): boolean {
    for (let at = folder; ; at = dirname(at)) {
      if (existsSync(join(at, value))) return true;
      if (at === this.#root || dirname(at) === at) break;
    }
    if (value.startsWith("../")) return !join(folder, value).startsWith(`${this.#root}/`);
    const path = value.replace(/\/$/, "");
    const named = this.#paths!.filter((each) => each === path || each.endsWith(`/${path}`) || each.startsWith(`${path}/`) || each.includes(`/${path}/`));
    // One that was just deleted is in the index still.
    if (named.some((each) => existsSync(join(this.#root, each)))) return true;
    // A path of another repository begins with a folder that is not here.
    this.#names ??= new Set(this.#paths!.flatMap((each) => each.split("/").slice(0, -1)));
    return isLocalSettings(basename(path)) || (path.includes("/") && !this.#names.has(path.split("/")[0]!)) || this.#isIgnored(path, folder);
  }

  #isIgnored(path: string, folder: string): boolean {
    const rules = [this.#root, folder].flatMap((each) => readText(join(each, ".gitignore")) ?? []);
    return ignore({ ignorecase: false }).add(rules).ignores(path);
  }

  #allScripts(): Set<string> {
    this.#scripts ??= new Set(this.#manifests(/^package\.json$/).flatMap((text) => {
      try {
        const { scripts } = JSON.parse(text) as { scripts?: Record<string, unknown> };
        return Object.keys(scripts ?? {});
      } catch {
        // Being edited.
        return [];
      }
    }));
    return this.#scripts;
  }

  #allTargets(): Set<string> | "unknown" {
    if (this.#targets !== undefined) return this.#targets;
    const texts = this.#manifests(/^(?:GNU)?[Mm]akefile$|\.mk$/);
    const targets = texts.flatMap((text) => [...text.matchAll(/^([^\s:=#][^:=#]*):(?!=)/gm)].flatMap(([, names]) => names!.trim().split(/\s+/)));
    const made = targets.some((name) => /[%$]/.test(name)) || texts.some((text) => /^-?include\s/m.test(text));
    this.#targets = targets.length === 0 || made ? "unknown" : new Set(targets);
    return this.#targets;
  }

  #manifests(name: RegExp): string[] {
    return this.#paths!.filter((path) => name.test(basename(path))).slice(0, MOST_MANIFESTS).flatMap((path) => readText(join(this.#root, path)) ?? []);
  }
}
