/** Which files a tool call read or changed, from its input and the client's structured result. Shell commands are not parsed. */
import { isRecord } from "../../base/json.ts";
import type { Payload } from "../../event/schema.ts";
import { text } from "./records.ts";

type Touched = Payload<"files.touched">["files"];

export function touchedFiles(tool: string, input: unknown, result: unknown): Touched {
  if (!isRecord(input)) return [];
  const path = text(input["file_path"]) ?? text(input["notebook_path"]);
  if (path === undefined) return [];
  if (tool === "Read" || tool === "NotebookRead") return [{ path, change: "read" }];
  if (tool !== "Edit" && tool !== "MultiEdit" && tool !== "Write" && tool !== "NotebookEdit") return [];
  const structured = isRecord(result) ? result : {};
  const created = structured["type"] === "create" || (tool === "Write" && structured["type"] === undefined);
  return [{ path, change: created ? "created" : "edited", ...lines(structured, created ? input["content"] : undefined) }];
}

function lines(result: Record<string, unknown>, content: unknown): { added?: number; removed?: number } {
  const hunks = result["structuredPatch"];
  if (Array.isArray(hunks) && hunks.length > 0) {
    let added = 0;
    let removed = 0;
    for (const hunk of hunks) {
      const changes: unknown = isRecord(hunk) ? hunk["lines"] : undefined;
      if (!Array.isArray(changes)) continue;
      for (const line of changes) {
        if (typeof line !== "string") continue;
        if (line.startsWith("+")) added += 1;
        else if (line.startsWith("-")) removed += 1;
      }
    }
    return { added, removed };
  }
  return typeof content === "string" ? { added: lineCount(content), removed: 0 } : {};
}

/** As git counts: the line feed at the end of a file begins no further line. */
function lineCount(content: string): number {
  const feeds = content.split("\n").length - 1;
  return content === "" || content.endsWith("\n") ? feeds : feeds + 1;
}
