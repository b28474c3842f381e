/** `undo`: takes back what an agent did to files, in two steps: what would be done, with a token; then, with it, just that. */
import * as z from "zod";
import { clip, plural, printable } from "../../base/text.ts";
import { asData } from "../../context/data.ts";
import { readPreview, type Applied, type UndoReply } from "../../operations/tree-request.ts";
import { placeOfCall } from "../sessions.ts";
import { tool, type Answer, type Call, type Question } from "../tool.ts";
import { detail, handle, project, text } from "./fields.ts";

export const undoTool = tool({
  name: "undo",
  title: "Take back changes to files",
  description: "Take back what an agent did to files, shell commands included; what the user did stays. Without token: a preview and a token; nothing is written. With the token: does that, once. Undoing can be undone (tidemark redo).",
  input: z.strictObject({
    token: text("the token of a preview", 200).optional(),
    turns: z.int({ error: "send a whole number" }).min(1, "at least 1").max(100, "at most 100").optional().describe("how many of the last, default 1"),
    call: text("the id of a tool call", 400).optional().describe("only this tool call"),
    paths: z.array(text("a path in the tree", 4096), { error: "send a list of paths" }).max(200, "at most 200 paths").optional(),
    mode: z.enum(["keep", "merge", "force"], { error: 'send "keep", "merge" or "force"' }).optional().describe("files changed since: keep (default), merge around, or force"),
    detail, handle, project,
  }),
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:restore",
  run: async ({ token, ...what }, call) => (token === undefined ? preview(call, what) : apply(call, token, what)),
});

interface What {
  readonly turns?: number | undefined;
  readonly call?: string | undefined;
  readonly paths?: readonly string[] | undefined;
  readonly mode?: "keep" | "merge" | "force" | undefined;
  readonly detail?: "concise" | "detailed" | undefined;
  readonly handle?: string | undefined;
  readonly project?: string | undefined;
}

/** The same for the prompt. */
export async function preview(call: Call, { turns = 1, call: one, paths = [], mode = "keep", detail: how = "concise", handle: given, project: folder }: What): Promise<Answer> {
  const { serving, principal } = call;
  const { cwd } = placeOfCall(call, { handle: given, project: folder });
  const token = `u_${serving.newId()}`;
  const reply = await serving.tree(cwd, { kind: "preview", turns, paths, mode, handle: token, ...(one === undefined ? {} : { call: one }) }, principal);
  if (reply.title === undefined) return { text: "There is nothing to take back: no turn of an agent is in force in this tree. For sessions from before checkpoints were kept, the user can run: tidemark undo --session ID --dry-run" };
  const doing = reply.files.some(({ action }) => action !== "keep" && action !== "refuse");
  const then = doing
    ? `Nothing was written. To do exactly this, call undo with token ${token}`
    : `Nothing would be written${mode === "force" || reply.files.length === 0 ? "." : `: what else changed these files since stays. Ask the user before taking that back, too, with mode "${mode === "keep" ? "merge" : "force"}".`}`;
  return { text: `${asData("undo", inWords(reply, how))}\n${then}` };
}

async function apply(call: Call, token: string, { detail: how = "concise", handle: given, project: folder }: What): Promise<Answer | Question> {
  const { serving, principal, now, consent } = call;
  const { reply, tree, done } = readPreview({ home: serving.home, principal }, token, now);
  if (!done && consent === "unasked") return { question: `Put files back?\n${inWords(reply, "concise")}` };
  // A client that runs without anyone says so, too.
  if (!done && consent === "unanswered") return { text: "Nobody answered the question whether to put these files back: nothing was written. The token stays good for an hour; the user can also run: tidemark undo" };
  if (!done && consent === "no") return { text: "The user said no: nothing was written. The token stays good for an hour." };
  // Of the tree that was shown, wherever this call is about.
  const cwd = given === undefined && folder === undefined ? tree : placeOfCall(call, { handle: given, project: folder }).cwd;
  const applied = await serving.tree(cwd, { kind: "apply", handle: token }, principal);
  return { text: `${asData("undo", inWords(applied, how))}\n${outcome(applied)}` };
}

function outcome({ applied, before, conflicts, moved, restore }: Applied): string {
  const said = [applied ? `${before ? "This was done before with the same token, and was not done again" : "Done"}${restore === undefined ? "" : ` (checkpoint ${restore.slice(0, 8)})`}. To take it back, the user runs: tidemark redo` : "Nothing was written: every file was kept or is as it was."];
  for (const { path, reason, copy } of conflicts) said.push(`${printable(path.toWellFormed())} was written to at the same moment: ${reason}${copy === undefined ? "" : `; kept as ${copy}`}`);
  if (moved !== undefined) said.push(`HEAD has moved from ${moved.from.slice(0, 8)} to ${moved.to.slice(0, 8)} since: only files went back, commits stay.`);
  said.push("Read these files again before you change them.");
  return said.join("\n");
}

const SHOWN = { concise: 20, detailed: 400 } as const;

function inWords({ title = "", files, lasting }: UndoReply, how: "concise" | "detailed"): string {
  const lines = [`Undo ${clip(printable(title), how === "concise" ? 200 : 2000)}`];
  for (const { what, tool: name, input, turn } of lasting.slice(0, SHOWN[how])) lines.push(`! not undone by putting files back: ${printable(what)} (${turn === undefined ? "" : `turn ${turn}, `}${name}: ${clip(printable(input), 160)})`);
  for (const { path, action, reason, added, removed } of files.slice(0, SHOWN[how])) {
    const lineCounts = added === undefined || removed === undefined ? "" : ` +${added} -${removed}`;
    lines.push(`${action} ${printable(path)}${lineCounts}${how === "detailed" || action === "keep" || action === "refuse" ? `: ${printable(reason)}` : ""}`);
  }
  if (files.length > SHOWN[how]) lines.push(`and ${plural(files.length - SHOWN[how], "more file")}${how === "concise" ? '; detail "detailed" lists more' : ""}`);
  if (files.length === 0) lines.push("Every file is as it was.");
  return lines.join("\n");
}
