/** `resume`: what the next worker should know, as the first call of a session. */
import * as z from "zod";
import { DEFAULT_BUDGET, resume } from "../../operations/resume.ts";
import { latestHere, sessionId } from "../../operations/sessions.ts";
import { projectOf } from "../../worktree/project.ts";
import { tool } from "../tool.ts";

export const resumeTool = tool({
  name: "resume",
  title: "Take up work again",
  description: "First call when taking up work in a project: goal, decisions, dead ends, files, state and next step of the last session there, checked against the files as they are now.",
  input: z.strictObject({
    session: z.string().optional().describe("id or title; default: the last one of the project"),
    budget: z.int().min(200).max(20_000).optional().describe(`tokens, ${DEFAULT_BUDGET} by default`),
  }),
  hints: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  run: async ({ session, budget = DEFAULT_BUDGET }, { serving }) => {
    const store = await serving.store();
    const id = session === undefined ? (await latestHere(store, projectOf(serving.cwd))).id : await sessionId(store, session);
    const { text } = await resume(store, id, budget);
    return { text: text === "" ? "There is nothing worth saying of this session within the budget." : text };
  },
});
