/**
 * Conversations in LoCoMo's own file format, and its questions. The data is CC BY-NC and for measuring only: a folder
 * of it is given to the bench, and nothing of it stands here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CountTokens } from "../../src/base/tokens.ts";

export interface Turn {
  readonly id: string;
  readonly session: number;
  readonly speaker: string;
  readonly text: string;
  /** Milliseconds since 1970, UTC; turns of a session a second apart. */
  readonly time: number;
  readonly tokens: number;
}

export interface Conversation {
  readonly id: string;
  readonly turns: readonly Turn[];
  /** Tokens of the line that a session is headed with, by session. */
  readonly headers: ReadonlyMap<number, number>;
  readonly tokens: number;
  readonly questions: readonly { readonly text: string; readonly category: number; readonly evidence: readonly string[] }[];
}

interface Raw {
  readonly sample_id: string;
  readonly conversation: Readonly<Record<string, unknown>>;
  readonly qa: readonly { readonly question: string; readonly category: number; readonly evidence?: readonly string[] }[];
}

/** Every conversation of every .json file in a folder, or of one file. */
export function loadConversations(path: string, count: CountTokens): Conversation[] {
  const files = path.endsWith(".json") ? [path] : readdirSync(path).filter((name) => name.endsWith(".json")).sort().map((name) => join(path, name));
  return files.flatMap((file) => (JSON.parse(readFileSync(file, "utf8")) as Raw[]).map((raw) => read(raw, count)));
}

function read({ sample_id: id, conversation, qa }: Raw, count: CountTokens): Conversation {
  const turns: Turn[] = [];
  const headers = new Map<number, number>();
  for (let session = 1; session < 100; session++) {
    const said = conversation[`session_${session}`];
    if (!Array.isArray(said)) continue;
    const date = String(conversation[`session_${session}_date_time`] ?? "");
    headers.set(session, count(`## Session ${session} (${date})\n`));
    for (const [i, turn] of (said as { dia_id: string; speaker: string; text: string; blip_caption?: string }[]).entries()) {
      // A shared picture is known by its caption, as in the benchmark's own retrieval.
      const text = turn.text + (turn.blip_caption === undefined ? "" : ` [shares image: ${turn.blip_caption}]`);
      turns.push({ id: turn.dia_id, session, speaker: turn.speaker, text, time: timeOf(date) + i * 1000, tokens: count(`${turn.speaker}: ${text}\n`) });
    }
  }
  const known = new Set(turns.map((turn) => turn.id));
  const questions = qa
    .map(({ question, category, evidence = [] }) => ({ text: question, category, evidence: [...new Set(evidence.flatMap(ids))].filter((each) => known.has(each)) }))
    .filter(({ evidence }) => evidence.length > 0);
  const tokens = turns.reduce((sum, turn) => sum + turn.tokens, 0) + [...headers.values()].reduce((sum, each) => sum + each, 0);
  return { id, turns, headers, tokens, questions };
}

/** Some ids are written "D8:6; D9:17" or "D:11:26". */
function ids(written: string): string[] {
  return [...written.matchAll(/D:?(\d+):0*(\d+)/g)].map(([, session, turn]) => `D${session}:${turn}`);
}

/** "1:56 pm on 8 May, 2023" */
function timeOf(text: string): number {
  const found = /(\d+):(\d+) (am|pm) on (\d+) (\w+),? (\d{4})/i.exec(text);
  if (found === null) return 0;
  const [, hour, minute, half, day, month, year] = found;
  return Date.parse(`${day} ${month} ${year} 00:00 UTC`) + ((Number(hour) % 12) + (half!.toLowerCase() === "pm" ? 12 : 0)) * 3_600_000 + Number(minute) * 60_000;
}
