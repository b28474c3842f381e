/** `remember`: one statement that outlives the session. What an agent says is kept as that: a start never begins with it until the user has accepted it. */
import * as z from "zod";
import { clip, plural } from "../../base/text.ts";
import { MEMORY_KINDS, STATEMENT_MOST } from "../../event/schema.ts";
import { scopeName } from "../../memory/statement.ts";
import { placeOf } from "../../operations/recall-memories.ts";
import { rememberHere } from "../../operations/remember.ts";
import { folderOf } from "../serving.ts";
import { tool } from "../tool.ts";
import { project, text } from "./fields.ts";

export const rememberTool = tool({
  name: "remember",
  title: "Remember one statement",
  description: "Keep one lasting statement (a rule, decision, fact or command that works), not a log of what was done. Put names, files and commands in backticks: they are checked whenever it is recalled. Saying it twice is harmless.",
  input: z.strictObject({
    statement: text("one statement on one line", STATEMENT_MOST),
    key: text("the subject in a few words", 200).optional().describe("its subject; a later statement with this key takes its place"),
    kind: z.enum(MEMORY_KINDS, { error: `send one of ${MEMORY_KINDS.join(", ")}` }).optional(),
    scope: text("project, user, team, branch, or path PATH", 400).optional().describe("project (default), user, team, branch, path PATH"),
    project,
  }),
  hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:write",
  run: async ({ statement, key, kind, scope = "project", project: folder }, { serving, now }) => {
    const store = await serving.store();
    const here = await placeOf(folderOf(serving, folder), serving.environment);
    const said = { text: statement, scope, by: "agent" as const, ...(key === undefined ? {} : { key }), ...(kind === undefined ? {} : { kind }) };
    const { memory, outcome, superseded, opposite, cleaned, redacted, check, why, named } = await rememberHere(store, said, here, now);
    const lines = [`${OUTCOMES[outcome]}: ${memory.id}, ${memory.kind}, ${scopeName(memory.scope)}${named ? `, ${check} in this tree${why.length > 0 ? ` (${why.slice(0, 3).join(", ")})` : ""}` : ""}`];
    if (memory.status === "inbox") lines.push(`It waits until the user accepts it (tidemark memory accept ${memory.id}): something the user has said stands against it.`);
    if (superseded !== undefined) lines.push(`It takes the place of ${superseded.id}: ${clip(superseded.statement, 160)}`);
    for (const other of opposite) lines.push(`${other.id} says the opposite, and both are kept: ${clip(other.statement, 160)}`);
    const secrets = Object.values(redacted).reduce((sum, count) => sum + count, 0);
    if (secrets > 0) lines.push(`${plural(secrets, "secret")} taken out before storing.`);
    if (cleaned) lines.push("Characters that cannot be seen were taken out.");
    return { text: lines.join("\n"), links: [{ uri: `tidemark://memory/${memory.id}`, name: memory.id }] };
  },
});

const OUTCOMES = { added: "Remembered", merged: "Said in other words already", known: "Known already" } as const;
