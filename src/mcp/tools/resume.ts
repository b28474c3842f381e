/** `resume`: what the next worker should know, as the first call of a session. */
import * as z from "zod";
import { asData } from "../../context/data.ts";
import { DEFAULT_BUDGET } from "../../operations/resume.ts";
import { takeUp } from "../../operations/take-up.ts";
import { newHandle, placeOfCall } from "../sessions.ts";
import { tool, type Answer, type Call } from "../tool.ts";
import { project, text } from "./fields.ts";

export const resumeTool = tool({
  name: "resume",
  title: "Take up work again",
  description: "Call first when taking up work: what was handed over, goal, decisions, dead ends, files, state and next step of the last session here, checked against the files as they are now.",
  input: z.strictObject({
    session: text("the id or title of a session", 400).optional().describe("id or title; default the last"),
    budget: z.int({ error: "send a whole number of tokens" }).min(200, "at least 200").max(16_000, "at most 16000").optional().describe(`tokens, default ${DEFAULT_BUDGET}`),
    project,
  }),
  hints: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:read",
  run: ({ session, budget = DEFAULT_BUDGET, project: folder }, call) => resume(call, { ...(session === undefined ? {} : { session }), ...(folder === undefined ? {} : { project: folder }), budget }),
});

/** The same for the prompt and the resource. */
export async function resume(call: Call, { session, project: folder, budget = DEFAULT_BUDGET }: { readonly session?: string; readonly project?: string; readonly budget?: number }): Promise<Answer> {
  const { serving, now } = call;
  const { cwd } = placeOfCall(call, { project: folder });
  const taken = await takeUp(await serving.store(), { cwd, now, budget, environment: serving.environment, git: serving.git, running: serving.running(), ...(serving.client === undefined ? {} : { client: serving.client }), ...(session === undefined ? {} : { session }) });
  const handle = newHandle(call, { cwd, ...(taken.session === undefined ? {} : { session: taken.session }) });
  const known = taken.text === "" ? asData("brief", taken.session === undefined ? "Nothing is known of this project yet." : "There is nothing worth saying within this budget: ask for more tokens.") : taken.text;
  const last = lastCheckpoint(call, taken.tree);
  const footer = [`handle: ${handle} (for handoff and undo)`, ...(taken.session === undefined ? [] : [`session: ${taken.session}`]), ...(last === undefined ? [] : [`last checkpoint: ${last}`])];
  return { text: `${known}\n${footer.join("\n")}`, given: { events: taken.events, memories: taken.memories } };
}

function lastCheckpoint({ serving }: Call, tree: string): string | undefined {
  const store = serving.checkpoints();
  try {
    const last = store?.checkpoints(tree).at(-1);
    return last === undefined ? undefined : `${last.id.slice(0, 8)}, ${new Date(last.time).toISOString()}`;
  } finally {
    store?.close();
  }
}
