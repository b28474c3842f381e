/** `tidemark trailer`: for a commit message, which turns' work is staged. */
import { stagedTurns } from "../../operations/commits.ts";
import { TidemarkError } from "../../base/errors.ts";
import type { CommandSpec } from "../command.ts";
import { withCommits } from "../commits.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Print trailers for a commit message: which turns' work is staged

A line "Tidemark-Session: ID/TURN" for each turn, the largest share first; nothing where no agent's work is staged. It only prints:
whether a message gets them is yours to say, with git's own means. For every commit of a repository, .git/hooks/prepare-commit-msg:

tidemark trailer | while read -r line; do git interpret-trailers --in-place --if-exists addIfDifferent --trailer "$line" "$1"; done

Links from commits to sessions need no trailers: show, and blame, find them by content.

The data is {trailers: [{token, value, session, turn, share}]}.`,
  run: async (_, context) => {
    const log = await context.caughtUp();
    const turns = await withCommits(context, log, (deps) => stagedTurns(deps, context.now));
    if (turns === undefined) throw new TidemarkError("NO_REPOSITORY", `${context.cwd} is in no git repository`, { hint: "Change into one, then repeat the command." });
    const trailers = turns.filter(({ session }) => SAFE.test(session)).map(({ session, n, share }) => ({ token: TOKEN, value: n === undefined ? session : `${session}/${n}`, session, turn: n ?? null, share: Math.round(share * 1000) / 1000 }));
    context.terminal.answer({ trailers }, () => {
      for (const { token, value } of trailers) context.terminal.line(`${token}: ${value}`);
    });
    return 0;
  },
};

const TOKEN = "Tidemark-Session";
/** An id comes from a file of the agent's: nothing else than an id goes into a message. */
const SAFE = /^[\w.:-]{1,200}$/;
