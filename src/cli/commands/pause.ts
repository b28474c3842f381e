/** `tidemark pause`: nothing is handed to agents, in this project or one session, until it is taken back. */
import { TidemarkError } from "../../base/errors.ts";
import { readPaused, withPause, writePaused, type Place } from "../../operations/settings.ts";
import { sessionId } from "../../operations/sessions.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec, Context } from "../command.ts";

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--session <id>", text: "only this session, instead of the project this directory belongs to" },
    { flags: "--off", text: "end the pause" },
  ],
  help: `
Hand nothing to agents here until the pause is ended

Sessions are kept and can be found as before; only the brief at a session's start, what is told after a resume or a
compaction, and the part of subagents are left out. For the project of this directory, or for one session.`,
  run: async ({ options }, context) => {
    const place: Place = typeof options["session"] === "string" ? { session: await wholeId(context, options["session"]) } : { project: projectOf(context.cwd) };
    const pause = options["off"] !== true;
    const paused = withPause(readPaused(context.home), place, pause);
    writePaused(context.home, paused, String(process.pid));
    const where = "project" in place ? place.project : `session ${place.session}`;
    context.terminal.answer({ ...place, paused: pause, projects: paused.projects, sessions: paused.sessions }, () => {
      const end = "project" in place ? "tidemark pause --off" : `tidemark pause --session ${place.session} --off`;
      context.terminal.line(pause ? `Agents are handed nothing in ${where} until you type:` : `Agents are handed the brief again in ${where}.`);
      if (pause) context.terminal.line(`  ${end}`);
      if (!pause && "session" in place && paused.projects.length > 0) context.terminal.line(`Still paused: ${paused.projects.join(", ")}`);
    });
    return 0;
  },
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A session that has only begun is not in the store yet: a whole id is taken as it is. */
async function wholeId(context: Context, wanted: string): Promise<string> {
  if (UUID.test(wanted)) return wanted;
  if (wanted === "") throw new TidemarkError("BAD_VALUE", "--session takes the id of a session");
  return sessionId(await context.store(), wanted);
}
