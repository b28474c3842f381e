/**
 * What anyone does to a tree in the fuzzer, in pieces small enough to be printed, to be handed to another process, and to be
 * done again: no chance and no clock in here.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { onDisk, pathOf } from "../../src/worktree/names.ts";

/** What stands at a path, as a text: "file 644 <bytes as latin1>" or "link <target>"; undefined where nothing does. */
export type Standing = string | undefined;
export type Tree = ReadonlyMap<string, string>;

export type Act =
  | { readonly do: "write"; readonly path: string; readonly bytes: string; readonly mode?: number }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | { readonly do: "rm"; readonly path: string }
  | { readonly do: "rename"; readonly from: string; readonly to: string }
  | { readonly do: "link"; readonly path: string; readonly target: string }
  | { readonly do: "git"; readonly args: readonly string[] };

/** What goes wrong here would go wrong for a person as well: the name is taken by a folder, the file is gone. */
const ORDINARY = new Set(["ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY", "EINVAL", "ELOOP"]);

export function perform(root: string, acts: readonly Act[], environment: NodeJS.ProcessEnv): void {
  for (const act of acts) {
    try {
      one(root, act, environment);
    } catch (error) {
      if (!ORDINARY.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

function one(root: string, act: Act, environment: NodeJS.ProcessEnv): void {
  const at = (path: string): string | Buffer => onDisk(root, path);
  switch (act.do) {
    case "write":
      mkdirSync(dirname(String(at(act.path))), { recursive: true });
      writeFileSync(at(act.path), Buffer.from(act.bytes, "latin1"));
      return act.mode === undefined ? undefined : chmodSync(at(act.path), act.mode);
    case "chmod":
      // Follows no link: what a link leads to may be anywhere.
      return lstatSync(at(act.path)).isFile() ? chmodSync(at(act.path), act.mode) : undefined;
    case "rm":
      return lstatSync(at(act.path)).isDirectory() ? rmSync(at(act.path), { recursive: true }) : unlinkSync(at(act.path));
    case "rename":
      mkdirSync(dirname(String(at(act.to))), { recursive: true });
      return renameSync(at(act.from), at(act.to));
    case "link":
      mkdirSync(dirname(String(at(act.path))), { recursive: true });
      return symlinkSync(act.target, at(act.path));
    case "git":
      // Git refuses much of what chance asks of it, which is as it should be.
      spawnSync("git", [...act.args], { cwd: root, env: environment, stdio: "ignore" });
  }
}

/** Everything that stands there but for git's own, with its bytes. */
export function readTree(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(onDisk(root, folder).toString() === root + "/" ? root : onDisk(root, folder), { withFileTypes: true, encoding: "buffer" as never }) as unknown as { name: Buffer; isDirectory: () => boolean; isSymbolicLink: () => boolean }[]) {
      const name = pathOf(entry.name);
      if (name === ".git") continue;
      const path = folder === "" ? name : `${folder}/${name}`;
      const place = onDisk(root, path);
      if (entry.isDirectory()) visit(path);
      else if (entry.isSymbolicLink()) found.set(path, `link ${readlinkSync(place, { encoding: "buffer" }).toString("latin1")}`);
      else found.set(path, `file ${(lstatSync(place).mode & 0o7777).toString(8)} ${readFileSync(place, "latin1")}`);
    }
  };
  visit("");
  return found;
}

export function bytesIn(standing: string): Buffer {
  return Buffer.from(standing.startsWith("link ") ? standing.slice(5) : standing.slice(standing.indexOf(" ", 5) + 1), "latin1");
}

/** For a person: the beginning of what stands there. */
export function shown(standing: Standing): string {
  if (standing === undefined) return "nothing";
  const text = JSON.stringify(standing.length > 90 ? `${standing.slice(0, 90)}…` : standing);
  return standing.length > 90 ? `${text} (${standing.length})` : text;
}
