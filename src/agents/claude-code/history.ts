/** Claude Code's past sessions through the port (../history.ts). Where they are is sources.ts, what they say translate.ts. */
import type { History, Means, Source } from "../history.ts";
import { jsonLines } from "../reading.ts";
import { aboutTranscript, configFolder, transcriptsFolder } from "./sources.ts";
import { AGENT, Translator } from "./translate.ts";

export const claudeCode = {
  agent: AGENT,
  title: "Claude Code",
  translation: 2,
  places: (places) => [transcriptsFolder(configFolder(places))],
  keeps: (path) => path.endsWith(".jsonl"),
  // Its records have no mark that has held over versions; our own exports are such lines too.
  wrote: (_, path) => path.endsWith(".jsonl"),
  open: async (source: Source, { projectOf }: Pick<Means, "projectOf">) => jsonLines(source, new Translator({ ...(await aboutTranscript(source.path)), projectOf })),
  resume: (session) => ["claude", "--resume", session],
} satisfies History;
