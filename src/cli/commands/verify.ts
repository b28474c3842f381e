/** `tidemark verify`: proof that nothing was altered. */
import { plural } from "../../base/text.ts";
import { verify } from "../../operations/verify.ts";
import type { CommandSpec } from "../command.ts";
import { checkCheckpoints } from "../trees.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Prove that the log is what was recorded

Walks the hash chain over every event, checks every large text against its hash, and rebuilds everything derived from
the log (text index, session summaries, what forks share) to compare it. Of the checkpoints all bytes are read and held
against their names, and each against its id, which follows from what it says and from the one before it. Exits 1 and names each place when something
does not hold. Changes nothing; "tidemark doctor" mends what can be mended.`,
  run: async (_, context) => {
    const { terminal, store } = context;
    const log = await verify(await store(), (label, done, total) => terminal.progress(label, done, total));
    const kept = checkCheckpoints(context);
    const result = { ...log, problems: [...log.problems, ...(kept?.problems ?? [])], ...(kept === undefined ? {} : { checkpoints: kept.checkpoints }) };
    const counted = `${plural(result.events, "event")}${kept === undefined ? "" : ` and ${plural(kept.checkpoints, "checkpoint")}`}`;
    terminal.answer(result, () => {
      if (result.problems.length === 0) terminal.line(`${terminal.style("green", "Sound.")} ${counted}, head ${result.head.slice(0, 16)}.`);
      else terminal.line(`${terminal.style("red", plural(result.problems.length, "problem"))} in ${counted}:`);
      for (const { code, where, message } of result.problems.slice(0, 50)) terminal.line(`  ${code}  ${where}: ${message}`);
      if (result.problems.length > 0) terminal.line("`tidemark doctor` mends what can be rebuilt.");
    });
    return result.problems.length === 0 ? 0 : 1;
  },
};
