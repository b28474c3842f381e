/** `tidemark pin`: keeps a checkpoint whatever its age. */
import { history, pointNamed } from "../../operations/history.ts";
import type { CommandSpec } from "../command.ts";
import { TidemarkError } from "../../base/errors.ts";
import { inKeptTree } from "../trees.ts";

export const command: CommandSpec = {
  args: "<checkpoint>",
  options: [
    { flags: "--off", text: "let go of it again" },
    { flags: "--session <id>", text: "which session a turn's number is of, if not the latest with such a turn" },
  ],
  help: `
Keep a checkpoint for good

"tidemark gc" and the tidying in the background never drop or merge what is pinned, nor anything later in its tree.
CHECKPOINT is the beginning of an id, or the number of a turn for its end.`,
  run: async ({ args, options }, context) => {
    const log = await context.caughtUp();
    return inKeptTree(context, async ({ store, root }) => {
      const all = await history(store, log, root);
      const { seq } = pointNamed(all, args[0]!, true, typeof options["session"] === "string" ? options["session"] : undefined);
      const checkpoint = all.checkpoints.find((each) => each.seq === seq);
      if (checkpoint === undefined) throw new TidemarkError("CHECKPOINT_UNKNOWN", "Now is no checkpoint yet", { hint: "tidemark checkpoint makes one." });
      const pinned = options["off"] !== true;
      store.pin(seq, pinned);
      context.terminal.answer({ id: checkpoint.id, pinned }, () => context.terminal.line(`Checkpoint ${checkpoint.id.slice(0, 8)} is ${pinned ? "pinned" : "no longer pinned"}.`));
      return 0;
    });
  },
};
