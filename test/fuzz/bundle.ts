/** child.ts as one file that Node can run, inside the project, where packages left out of the bundle are found. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";

export async function bundleChild(project: string): Promise<{ script: string; remove: () => Promise<void> }> {
  const cache = resolve(project, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "fuzz-"));
  const script = join(folder, "child.mjs");
  await build({ entryPoints: [resolve(project, "test/fuzz/child.ts")], outfile: script, bundle: true, format: "esm", platform: "node", target: "node20.19", packages: "external" });
  return { script, remove: () => rm(folder, { recursive: true, force: true }) };
}
