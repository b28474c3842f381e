/**
 * Which files a patch of Codex's changed: from what the client says it did, else from the patch itself. Pure. Paths are made
 * whole with the folder of the turn.
 */
import { posix, win32 } from "node:path";
import { isRecord } from "../../base/json.ts";
import type { Payload } from "../../event/schema.ts";

type Touched = Payload<"files.touched">["files"];

export function whole(path: string, cwd: string): string {
  const { isAbsolute, join } = /^[A-Za-z]:\\/.test(cwd) ? win32 : posix;
  return isAbsolute(path) || cwd === "" ? path : join(cwd, path);
}

/** `changes` by path: `{type: "add", content}`, and in older versions `{add: {content}}`. */
export function changedFiles(changes: unknown, cwd: string): Touched {
  if (!isRecord(changes)) return [];
  return Object.entries(changes).flatMap(([path, change]): Touched => {
    if (!isRecord(change)) return [];
    const kind = typeof change["type"] === "string" ? change["type"] : Object.keys(change)[0];
    const about = isRecord(change[kind ?? ""]) ? (change[kind ?? ""] as Record<string, unknown>) : change;
    const at = whole(path, cwd);
    if (kind === "add") return [{ path: at, change: "created", added: lineCount(about["content"]), removed: 0 }];
    if (kind === "delete") return [{ path: at, change: "deleted", added: 0, removed: lineCount(about["content"]) }];
    if (kind !== "update") return [];
    const lines = counted(String(about["unified_diff"] ?? "").split("\n"));
    const to = about["move_path"];
    return typeof to === "string" ? [{ path: at, change: "deleted" }, { path: whole(to, cwd), change: "created", ...lines }] : [{ path: at, change: "edited", ...lines }];
  });
}

/** A patch in the form the model writes it, in a tool's input or in a line of shell. */
export function patchedFiles(text: string, cwd: string): Touched {
  const from = text.indexOf("*** Begin Patch");
  if (from < 0) return [];
  const files: Touched = [];
  const end = text.indexOf("*** End Patch", from);
  for (const section of text.slice(from, end < 0 ? undefined : end).split(/^(?=\*\*\* (?:Add|Update|Delete) File: )/m).slice(1)) {
    const [head = "", ...lines] = section.split("\n");
    const [, verb, name = ""] = /^\*\*\* (Add|Update|Delete) File: (.*)$/.exec(head.trimEnd()) ?? [];
    const to = /^\*\*\* Move to: (.*)$/.exec(lines[0]?.trimEnd() ?? "")?.[1];
    const path = whole(name, cwd);
    if (verb === "Delete") files.push({ path, change: "deleted" });
    else if (verb === "Add") files.push({ path, change: "created", ...counted(lines) });
    else if (to === undefined) files.push({ path, change: "edited", ...counted(lines) });
    else files.push({ path, change: "deleted" }, { path: whole(to, cwd), change: "created", ...counted(lines) });
  }
  return files;
}

function counted(lines: readonly string[]): { added: number; removed: number } {
  return { added: lines.filter((line) => line.startsWith("+") && !line.startsWith("+++ ")).length, removed: lines.filter((line) => line.startsWith("-") && !line.startsWith("--- ")).length };
}

function lineCount(content: unknown): number {
  if (typeof content !== "string" || content === "") return 0;
  return content.split("\n").length - (content.endsWith("\n") ? 1 : 0);
}
