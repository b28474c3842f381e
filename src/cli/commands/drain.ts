/** `tidemark drain`: takes in what hooks have left, without an engine. */
import { setTimeout as sleep } from "node:timers/promises";
import { plural } from "../../base/text.ts";
import { GRACE } from "../../engine/engine.ts";
import { Afterwards } from "../../operations/afterwards.ts";
import { drainAll } from "../../operations/drain.ts";
import { attendAfterwards, tidyNowAndThen } from "../attending.ts";
import type { CommandSpec } from "../command.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Take in what the agent's hooks have left

Hooks leave what they are told in a folder and go; an engine that lives as long as the agent's session takes it in
within a second or two. This does the same once, by hand: after a crash, or where no engine runs.`,
  run: async (_, context) => {
    const store = await context.store();
    const afterwards = new Afterwards();
    const { taken, damaged } = await drainAll(store, context.home, { clock: Date.now, grace: GRACE, patience: 4000, sleep, heed: (payload, time) => afterwards.heed(payload, time) });
    await attendAfterwards(afterwards, store, context.home, context.environment);
    await tidyNowAndThen(store, context.home, context.environment);
    context.terminal.answer({ taken, damaged }, () => {
      context.terminal.line(taken + damaged === 0 ? "Nothing was waiting." : `${plural(taken, "hook payload")} taken in.`);
      if (damaged > 0) context.terminal.line(`${plural(damaged, "damaged one")} kept as it was.`);
    });
    return 0;
  },
};
