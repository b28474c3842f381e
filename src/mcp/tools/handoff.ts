/** `handoff`: what the next worker needs to know, said by whoever leaves the work. */
import * as z from "zod";
import { plural } from "../../base/text.ts";
import { HANDOFF_PARTS } from "../../event/schema.ts";
import { writeHandoff, type HandoffGiven } from "../../operations/handoff.ts";
import { placeOf } from "../../operations/recall-memories.ts";
import { placeOfCall } from "../sessions.ts";
import { tool } from "../tool.ts";
import { handle, project } from "./fields.ts";

const LINE = 1000;
const LINES = 20;

const lines = z.array(z.string({ error: "send each line as a string" }).max(LINE, `at most ${LINE} characters in a line`), { error: "send a list of lines" }).max(LINES, `at most ${LINES} lines`).optional();

export const handoffTool = tool({
  name: "handoff",
  title: "Hand over work",
  description: "Before stopping with work unfinished: tell the next worker. Name files, symbols and commits; each is checked now and again when it is read. The newest handoff opens the next session.",
  input: z.strictObject({ done: lines, next: lines, blockers: lines, unverified: lines, waiting: lines.describe("on a person"), handle, project }),
  hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:write",
  run: async ({ handle: given, project: folder, ...parts }, call) => {
    const { serving, now, principal, client } = call;
    const { cwd, session } = placeOfCall(call, { handle: given, project: folder });
    const store = await serving.store();
    const said = Object.fromEntries(HANDOFF_PARTS.map((part) => [part, parts[part] ?? []])) as unknown as HandoffGiven;
    const { handoff, fresh, missing, redacted } = await writeHandoff(store, said, {
      here: await placeOf(cwd, serving.environment), environment: serving.environment, now, through: "mcp", principal, ...(session === undefined ? {} : { of: session }), ...(client === undefined ? {} : { client }),
    });
    const told = [fresh ? `Handed over: ${plural(handoff.items.length, "line")}, for the next session here.` : "This was handed over already, word for word; nothing was added."];
    if (missing.length > 0) told.push(`Not in the tree now: ${missing.map((name) => `\`${name}\``).join(", ")}. If that is a slip of the pen, hand over again with the right names.`);
    const secrets = Object.values(redacted).reduce((sum, count) => sum + count, 0);
    if (secrets > 0) told.push(`${plural(secrets, "secret")} taken out before storing.`);
    return { text: told.join("\n") };
  },
});
