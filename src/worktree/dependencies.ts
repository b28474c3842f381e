/** Which dependencies the manifests at the root of a tree name, with the versions they ask for. No package manager is run. */
import { join } from "node:path";
import { isRecord } from "../base/json.ts";
import { readText } from "./read.ts";

export interface Dependency {
  readonly name: string;
  /** The manifest. */
  readonly path: string;
  readonly version?: string;
}

/** By name. Go modules also by their last part that is not a version, Python's names in lower case. */
export function dependenciesOf(root: string): Map<string, Dependency> {
  const found = new Map<string, Dependency>();
  const add = (path: string, name: string, version: string | undefined, as = name): void => {
    if (!found.has(as)) found.set(as, { name, path, ...(version === undefined ? {} : { version }) });
  };
  for (const [name, version] of ofPackageJson(readText(join(root, "package.json")))) add("package.json", name, version);
  for (const [, name, version] of (readText(join(root, "go.mod")) ?? "").matchAll(/^\s*(?:require\s+)?([\w.-]+\.[\w.-]+\/[\w./-]+)\s+(v\S+)/gm)) {
    add("go.mod", name!, version);
    add("go.mod", name!, version, name!.replace(/\/v\d+$/, "").split("/").at(-1));
  }
  const cargo = (readText(join(root, "Cargo.toml")) ?? "").matchAll(/^\[(?:[\w.-]+\.)?(?:dev-|build-)?dependencies\]\n((?:(?!\[).*\n?)*)/gm);
  for (const [, section] of cargo) for (const [, name, version] of section!.matchAll(/^([\w-]+)\s*=\s*(?:\{.*?version\s*=\s*)?"([^"]*)"/gm)) add("Cargo.toml", name!, version);
  for (const [, name, version] of (readText(join(root, "requirements.txt")) ?? "").matchAll(/^([\w.-]+)(?:\[[^\]]*\])?\s*((?:[=<>~!]=?[^#;\n]*)?)/gm)) add("requirements.txt", name!.toLowerCase(), version!.trim());
  for (const [, list] of (readText(join(root, "pyproject.toml")) ?? "").matchAll(/^dependencies\s*=\s*\[([\s\S]*?)^\]/gm)) {
    for (const [, name, version] of list!.matchAll(/"([\w.-]+)(?:\[[^\]]*\])?\s*([^";]*)/g)) add("pyproject.toml", name!.toLowerCase(), version!.trim());
  }
  return found;
}

function* ofPackageJson(text: string | undefined): Generator<[string, string]> {
  if (text === undefined) return;
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    // Being edited: it says nothing.
    return;
  }
  for (const field of ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"]) {
    const listed = isRecord(manifest) ? manifest[field] : undefined;
    if (isRecord(listed)) for (const [name, version] of Object.entries(listed)) if (typeof version === "string") yield [name, version];
  }
}
