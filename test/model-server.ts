/** A server on this machine that answers as a test says, for clients of embedders and models. It ends with the test. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: any;
}

/** A value to be sent as JSON, or what else to do: another status, a text that is no JSON, no answer at all. */
export type Reply = object | { readonly status?: number; readonly text: string; readonly headers?: Record<string, string> } | "silence" | "hang up";

export interface ModelServer {
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly requests: Request[];
}

export async function modelServer(answer: (request: Request) => Reply): Promise<ModelServer> {
  const requests: Request[] = [];
  const server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const request = { path: incoming.url ?? "", headers: incoming.headers, body: JSON.parse(Buffer.concat(parts).toString("utf8")) as unknown };
      requests.push(request);
      const reply = answer(request);
      if (reply === "silence") return;
      if (reply === "hang up") return void outgoing.destroy();
      const plain = "text" in reply && typeof reply.text === "string" ? (reply as { status?: number; text: string; headers?: Record<string, string> }) : { text: JSON.stringify(reply) };
      outgoing.writeHead(plain.status ?? 200, { "content-type": "application/json", ...plain.headers }).end(plain.text);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(
    () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** Words that mean the like have one place in the vector: what a real embedder has learned, made by hand. */
const MEANINGS = [
  ["car", "automobile", "vehicle"], ["doctor", "physician"], ["money", "invoice", "billing", "payment"], ["bug", "defect", "fault"],
  ["delete", "remove", "erase"], ["database", "postgres", "storage"], ["cat", "kitten"], ["fast", "quick", "speed"],
];

/** Of fixed length; a word that is in no list counts a little for a place of its own. */
export function meaningOf(text: string): number[] {
  const vector = Array.from({ length: MEANINGS.length + 8 }, () => 0);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const place = MEANINGS.findIndex((list) => list.includes(word));
    if (place >= 0) vector[place]! += 1;
    else vector[MEANINGS.length + (word.length % 8)]! += 0.2;
  }
  return vector.every((each) => each === 0) ? vector.map((_, i) => (i === 0 ? 0.1 : 0)) : vector;
}

/** An embedder that speaks both APIs. */
export const embedding = ({ path, body }: Request): Reply =>
  path.endsWith("/embeddings")
    ? { data: body.input.map((text: string, index: number) => ({ index, embedding: meaningOf(text) })).toReversed(), usage: { prompt_tokens: 7 * body.input.length } }
    : { embeddings: body.input.map(meaningOf), prompt_eval_count: 5 * body.input.length };

/** A model that says this, in the shape of whichever API is asked. It reads 100 tokens and writes 20. */
export function saying(text: string | ((request: Request) => string), ended: "done" | "cut" = "done"): (request: Request) => Reply {
  return (request) => {
    const content = typeof text === "string" ? text : text(request);
    if (request.path.endsWith("/v1/messages")) return { content: [{ type: "text", text: content }], stop_reason: ended === "cut" ? "max_tokens" : "end_turn", usage: { input_tokens: 100, output_tokens: 20 } };
    if (request.path.endsWith("/chat/completions")) return { choices: [{ message: { role: "assistant", content }, finish_reason: ended === "cut" ? "length" : "stop" }], usage: { prompt_tokens: 100, completion_tokens: 20 } };
    return { message: { role: "assistant", content }, done: true, done_reason: ended === "cut" ? "length" : "stop", prompt_eval_count: 100, eval_count: 20 };
  };
}

/** What the model was told and what it was asked, whichever the API. */
export function toldTo({ path, body }: Request): { readonly system: string; readonly text: string } {
  const [first, second] = body.messages as { content: string }[];
  return path.endsWith("/v1/messages") ? { system: body.system, text: first!.content } : { system: first!.content, text: second!.content };
}

/** A re-ranker that speaks both APIs, and answers in any order: the more often a text says this, the better. */
export const ranking = (word: string) => ({ body }: Request): Reply => {
  const scored = ((body.texts ?? body.documents) as string[]).map((text, index) => ({ index, score: text.split(word).length - 1 - index / 1000 })).toReversed();
  return body.texts === undefined ? { results: scored.map(({ index, score }) => ({ index, relevance_score: score })) } : scored;
};
