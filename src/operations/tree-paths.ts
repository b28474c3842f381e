/** Paths as they are typed, as paths of a tree: from whatever folder, through whatever links. */
import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import type { TreePath } from "../checkpoint/model.ts";
import { inTree } from "./tree-place.ts";

/** Paths as typed, from the folder the command was called in; empty for the whole tree. */
export function treePaths(given: readonly string[], root: string, cwd: string): TreePath[] {
  const paths: TreePath[] = [];
  for (const each of given) {
    const place = resolve(cwd, each);
    const at = inTree(root, place) ?? inTree(root, throughLinks(place));
    if (at !== undefined) paths.push(at);
    else if (place === root || throughLinks(place) === root) return [];
    else throw new TidemarkError("BAD_VALUE", `${each} is outside of ${root}, the tree this command is called in`, { hint: "Change into the tree that it is in, then repeat the command." });
  }
  return paths;
}

/** The folder's real place; the file itself may be a link, or gone. */
function throughLinks(place: string): string {
  try {
    return join(realpathSync(dirname(place)), basename(place));
  } catch {
    return place;
  }
}
