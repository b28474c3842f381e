/** `checkpoint`: keeps the files of the tree as they are now. */
import * as z from "zod";
import { oneLine, plural, printable } from "../../base/text.ts";
import { folderOf } from "../serving.ts";
import { tool } from "../tool.ts";
import { project, text } from "./fields.ts";

export const checkpointTool = tool({
  name: "checkpoint",
  title: "Keep the files as they are",
  description: "Keep all files of the tree as they are now, before something risky.",
  input: z.strictObject({ note: text("what it is, in one line", 500).optional(), project }),
  hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:write",
  run: async ({ note: given = "", project: folder }, { serving, principal }) => {
    const note = oneLine(printable(given));
    const { id, time, fresh, files, uncovered } = await serving.tree(folderOf(serving, folder), { kind: "checkpoint", ...(note === "" ? {} : { note }) }, principal);
    const short = id.slice(0, 8);
    const said = [fresh ? `Checkpoint ${short}: ${plural(files, "file")} kept.` : `Nothing has changed since checkpoint ${short} of ${new Date(time).toISOString()}, which stands for the same; no new one was made.`];
    if (uncovered.length > 0) said.push(`Not kept: ${uncovered.slice(0, 5).map(({ path, reason }) => `${printable(path.toWellFormed())} (${reason})`).join(", ")}${uncovered.length > 5 ? ` and ${uncovered.length - 5} more` : ""}.`);
    said.push(`To come back to it, the user runs: tidemark restore ${short}`);
    return { text: said.join("\n"), links: [{ uri: `tidemark://checkpoint/${id}/diff`, name: `checkpoint ${short}` }] };
  },
});
