/** A tree by its place: the name its files go by in the state folder, its paths as agents name them, and places that are no tree of ours. */
import { relative, sep } from "node:path";
import { sha256Hex } from "../base/hash.ts";
import type { TreePath } from "../checkpoint/model.ts";

/** Of its files in the state folder. */
export function treeKey(root: string): string {
  return sha256Hex(root).slice(0, 16);
}

/** A path of the tree as an agent names it, or undefined where it is outside. */
export function inTree(root: string, path: string): TreePath | undefined {
  const inside = relative(root, path);
  return inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || inside.startsWith(sep) ? undefined : inside.split(sep).join("/");
}

/** Why no checkpoints are kept for a folder. */
export function whyRefused(root: string, userHome: string): string | undefined {
  if (root === "/" || /^[A-Za-z]:[\\/]?$/.test(root)) return "not here: it is the root of the file system";
  if (root === userHome) return "not here: it is your home folder";
  return userHome.startsWith(`${root}/`) ? "not here: your home folder is in it" : undefined;
}
