/** `tidemark checkpoint`: makes one now. */
import { plural, printable } from "../../base/text.ts";
import { syncCheckpoints } from "../../operations/keeper.ts";
import type { CommandSpec } from "../command.ts";
import { iso } from "../format.ts";
import { inThisTree } from "../trees.ts";
import { TIERS } from "./checkpoints.ts";

export const command: CommandSpec = {
  args: "",
  options: [{ flags: "-m, --message <note>", text: "what it is, shown in `tidemark checkpoints`" }],
  help: `
Keep the files as they are now

A checkpoint that stands for itself, also where nothing has changed since the last one: before trying something out by
hand, or to come back to. On disk when the command returns. "tidemark restore ID" brings agents' changes since then back,
with --force everything; "tidemark pin ID" keeps it for good.

The data is {id, tree, time, note, files, tier, uncovered: [{path, reason}]}; files is how many are looked after.`,
  run: async ({ options }, context) => {
    await context.caughtUp();
    return inThisTree(context, async ({ keeper, store, root }) => {
      const note = typeof options["message"] === "string" && options["message"].trim() !== "" ? options["message"] : undefined;
      const { id, time } = keeper.mark(note === undefined ? {} : { note });
      keeper.save();
      syncCheckpoints(store);
      const [files, uncovered] = [keeper.files, keeper.uncovered()];
      const { terminal } = context;
      terminal.answer({ id, tree: root, time: iso(time), note: note ?? null, files, tier: TIERS[2], uncovered }, () => {
        terminal.line(`${terminal.style("cyan", id.slice(0, 8))}  ${plural(files, "file")} of ${printable(root)}${note === undefined ? "" : `: ${printable(note)}`}`);
        if (uncovered.length > 0) terminal.line(terminal.style("yellow", `${plural(uncovered.length, "file")} could not be kept; tidemark checkpoints says which and why.`));
        terminal.line(terminal.style("dim", `tidemark restore ${id.slice(0, 8)}    goes back to it`));
      });
      return 0;
    });
  },
};
