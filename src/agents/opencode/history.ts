/** opencode's past sessions through the port (../history.ts). Where they are is sources.ts, what they say translate.ts. */
import { headOf } from "../found.ts";
import type { History, Reading } from "../history.ts";
import { asLines } from "../reading.ts";
import { databaseRecords, dataFolders, documentRecords, isSqlite, mayHoldSessions, sessionsIn, startsAsSession } from "./sources.ts";
import { AGENT, SessionTranslator } from "./translate.ts";

export const opencode: History = {
  agent: AGENT,
  title: "opencode",
  translation: 1,
  places: dataFolders,
  keeps: mayHoldSessions,
  wrote: startsAsSession,
  sources: async (file, means) => (isSqlite(await headOf(file.path)) ? sessionsIn(await means.database(file.path), file) : [file]),
  async open({ path, size, part }, means): Promise<Reading> {
    const translator = new SessionTranslator(means);
    return {
      translator,
      refused: async () => (size === 0 && part === undefined ? "empty" : undefined),
      async *lines(progress) {
        const records = part === undefined ? await documentRecords(path) : databaseRecords(await means.database(part.file), part.id);
        yield* asLines(records);
        progress?.(size);
      },
    };
  },
  resume: (session) => ["opencode", "--session", session],
};
