/** `tidemark restore`: brings the tree back to a checkpoint. */
import { checkpointNamed, history, turnNumbered } from "../../operations/history.ts";
import { lastingOfTurns, turnsAfter } from "../../operations/undo-choice.ts";
import type { CommandSpec } from "../command.ts";
import { ago } from "../../base/age.ts";
import { plural } from "../../base/text.ts";
import { takeBack, takingOf, TAKING_HELP, TAKING_OPTIONS } from "../taking-back.ts";
import { inKeptTree } from "../trees.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "<checkpoint>",
  options: [{ flags: "--session <id>", text: "which session a turn's number is of, if not the latest with such a turn" }, ...TAKING_OPTIONS],
  paths: true,
  help: `
Bring files back to what they were at a checkpoint

CHECKPOINT is the beginning of an id, or the number of a turn for its end; "tidemark checkpoints" lists both. Taken back
is what agents did after it; of a checkpoint that an agent's session made, what that session did. With --force everything
goes back, whoever changed it. Paths after -- restrict it.

${TAKING_HELP}`,
  run: async (input, context) => {
    const log = await context.caughtUp();
    return inKeptTree(context, async (tree) => {
      tree.keeper.look("forced");
      const all = await history(tree.store, log, tree.root);
      const name = input.args[0]!;
      const { session: whose } = input.options;
      const checkpoint = /^\d{1,3}$/.test(name) ? turnNumbered(all, Number(name), typeof whose === "string" ? whose : undefined).checkpoints.at(-1)! : checkpointNamed(all, name);
      const turns = turnsAfter(all, checkpoint);
      const session = checkpoint.actor.by === "agent" ? checkpoint.actor.session : undefined;
      const title = `Restore checkpoint ${checkpoint.id.slice(0, 8)} from ${ago(checkpoint.time, Date.now())}${checkpoint.note === undefined ? "" : ` (${checkpoint.note})`}: ${turns.length === 0 ? "no turn" : plural(turns.length, "turn")} after it${session === undefined ? "" : ` in session ${shortId(session)}`}`;
      const about = { title, turns, lasting: await lastingOfTurns(log, turns, checkpoint.time), back: true, again: "tidemark redo", ...(session === undefined ? {} : { session }) };
      return takeBack({ verb: "restore", checkpoint }, takingOf("restore", input, tree, context.cwd), about, tree, log, context);
    });
  },
};
