/** `tidemark redo`: takes back the last undo or restore. */
import { ago } from "../../base/age.ts";
import { lastUndo } from "../../checkpoint/chain.ts";
import { history } from "../../operations/history.ts";
import { turnsUndoneBy } from "../../operations/undo-choice.ts";
import type { CommandSpec } from "../command.ts";
import { sayNothing, takeBack, takingOf, TAKING_HELP, TAKING_OPTIONS, turnInWords } from "../taking-back.ts";
import { whereKept } from "../trees.ts";

export const command: CommandSpec = {
  args: "",
  options: TAKING_OPTIONS,
  paths: true,
  help: `
Take back the last undo or restore

The newest undo or restore in this tree that was not taken back itself; again, for the one before. Files that were
changed since are kept, as with undo. Paths after -- restrict it.

${TAKING_HELP}`,
  run: async (input, context) => {
    const log = await context.caughtUp();
    const none = async (): Promise<number> => sayNothing(context, "No undo or restore here is left to be taken back", "tidemark checkpoints    what is kept");
    return whereKept(context, async (tree) => {
      const all = await history(tree.store, log, tree.root);
      const last = lastUndo(all.checkpoints);
      if (last === undefined) return none();
      const turns = turnsUndoneBy(all, last);
      const { verb, session } = last.actor;
      const of = verb === "undo" && turns.length === 1 ? ` of ${turnInWords(turns[0]!)}` : verb === "undo" && turns.length > 1 ? ` of ${turns.length} turns` : "";
      const again = verb === "undo" && turns.length > 0 ? `tidemark undo${turns.length > 1 ? ` ${turns.length}` : ""}` : `tidemark restore ${all.checkpoints.at(-1)!.id.slice(0, 8)}`;
      const about = { title: `Redo: take back the ${verb} from ${ago(last.time, Date.now())}${of}`, turns, lasting: [], back: false, again, ...(session === undefined ? {} : { session }) };
      return takeBack({ verb: "redo" }, takingOf("redo", input, tree, context.cwd), about, tree, log, context);
    }, none);
  },
};
