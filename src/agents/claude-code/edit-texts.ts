/**
 * What an edit tool was given to write, from its input as the log holds it: text in the place of text, at a path. Pure. Leaves
 * out what stood in the file around it, which the records of a transcript can prove (operations.ts).
 */
import { isRecord } from "../../base/json.ts";
import { text } from "./records.ts";

export interface EditText {
  /** As the agent names it, usually absolute. */
  readonly path: string;
  /** Empty where a whole file was written. */
  readonly old: string;
  readonly new: string;
}

/** None for any other tool. */
export function editTexts(tool: string, input: unknown): EditText[] {
  const path = isRecord(input) ? text(input["file_path"]) : undefined;
  if (!isRecord(input) || path === undefined) return [];
  if (tool === "Write") return [{ path, old: "", new: text(input["content"]) ?? "" }];
  const edits = tool === "Edit" ? [input] : tool === "MultiEdit" && Array.isArray(input["edits"]) ? input["edits"] : [];
  return edits.filter(isRecord).map((edit) => ({ path, old: text(edit["old_string"]) ?? "", new: text(edit["new_string"]) ?? "" }));
}
