/** Codex CLI's past sessions through the port (../history.ts). Where they are is sources.ts, what they say translate.ts. */
import type { History } from "../history.ts";
import { beginningOf, isRollout, refusedAs, rolloutFolders, rolloutLines, sessionInName, startsAsRollout } from "./sources.ts";
import { AGENT, RolloutTranslator } from "./translate.ts";

export const codex: History = {
  agent: AGENT,
  title: "Codex CLI",
  translation: 1,
  places: rolloutFolders,
  keeps: isRollout,
  wrote: startsAsRollout,
  async open({ path, size }, { projectOf }) {
    const refusal = await refusedAs(path, size);
    const { session = sessionInName(path), bases } = refusal === undefined ? await beginningOf(path) : { bases: [] };
    return {
      translator: new RolloutTranslator({ projectOf, ...(session === undefined ? {} : { session }) }),
      refused: async () => refusal,
      lines: (progress) => rolloutLines(path, progress),
      async *before() {
        for (const base of bases) yield* rolloutLines(base.path, undefined, base.upTo);
      },
    };
  },
  resume: (session) => ["codex", "resume", session],
};
