/** Gemini CLI's past sessions through the port (../history.ts). Where they are is sources.ts, what they say translate.ts. */
import { notText, readLines } from "../../base/lines.ts";
import { headOf } from "../found.ts";
import type { History } from "../history.ts";
import { asLines } from "../reading.ts";
import { chatFolders, documentRecords, isChat, isDocument, parentOf, rootOf, startsAsChat } from "./sources.ts";
import { AGENT, ChatTranslator } from "./translate.ts";

export const gemini: History = {
  agent: AGENT,
  title: "Gemini CLI",
  translation: 1,
  places: chatFolders,
  keeps: isChat,
  wrote: startsAsChat,
  async open({ path, size }, { projectOf }) {
    const [root, parent, head] = [await rootOf(path), parentOf(path), await headOf(path)];
    return {
      translator: new ChatTranslator({ projectOf, ...(root === undefined ? {} : { root }), ...(parent === undefined ? {} : { parent }) }),
      refused: async () => (size === 0 ? undefined : notText(path)),
      async *lines(progress) {
        if (size > 0 && isDocument(path, head)) {
          yield* asLines(await documentRecords(path));
          progress?.(size);
        } else yield* readLines(path, progress);
      },
    };
  },
  resume: (session) => ["gemini", "--resume", session],
};
