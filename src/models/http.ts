/**
 * One request to a model or an embedder that the user has named, and its answer as JSON. The only place that talks to a
 * network. Redirects are not followed: texts and key go to the address that was named, and nowhere else.
 */
import { TidemarkError } from "../base/errors.ts";

export interface Asked {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** Milliseconds until the whole answer must be there. */
  readonly timeout: number;
  /** For messages: "ollama nomic-embed-text". */
  readonly who: string;
  /** Of an answer this much is read, in bytes; else what vectors take. */
  readonly most?: number;
}

/** 64 vectors of 4,096 numbers take some 6 MB. */
const MOST = 64 * 1024 * 1024;
/** What a model says is cut at some thousand tokens. */
export const ANSWER_MOST = 2 * 1024 * 1024;
/** Of what a server says about a failure so much is told. */
const TOLD = 200;

/** Refused: MODEL_DOWN (no answer, or none in time), MODEL_REFUSED (HTTP 4xx), MODEL_GARBLED (no JSON). */
export async function postJson({ url, headers = {}, body, timeout, who, most = MOST }: Asked): Promise<unknown> {
  const { status, text } = await request(url, { headers, body, timeout, who, most });
  if (status < 200 || status >= 300) throw failed(who, url, status, withoutKey(text, headers));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TidemarkError("MODEL_GARBLED", `${who} at ${url} answered with no JSON`, { cause: error });
  }
}

export function bearer(key: string | undefined): Readonly<Record<string, string>> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

async function request(url: string, { headers, body, timeout, who, most }: Required<Omit<Asked, "url">>): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body), redirect: "manual", signal: AbortSignal.timeout(timeout) });
    return { status: response.status, text: await textOf(response, most) };
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const { name, cause } = error as { name?: string; cause?: { code?: string } };
    const why = name === "TimeoutError" ? `not within ${timeout / 1000} s` : (cause?.code ?? "the connection broke");
    throw new TidemarkError("MODEL_DOWN", `${who} at ${url} did not answer (${why})`, { cause: error });
  }
}

async function textOf(response: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    // Leaving the loop ends the connection.
    if (size > most) throw new TidemarkError("MODEL_GARBLED", `The answer of ${response.url} is larger than ${most / 1024 / 1024} MB`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function failed(who: string, url: string, status: number, said: string): TidemarkError {
  const told = said.replace(/\s+/g, " ").slice(0, TOLD);
  const message = `${who} at ${url} answered ${status}${told === "" ? "" : `: ${told}`}`;
  // Too many requests, and whatever is the server's own fault, may be over soon.
  return new TidemarkError(status === 429 || status >= 500 ? "MODEL_DOWN" : "MODEL_REFUSED", message);
}

/** A server may say back what it was sent. */
function withoutKey(text: string, headers: Readonly<Record<string, string>>): string {
  return Object.values(headers).flatMap((value) => value.split(" ")).filter((value) => value.length >= 8).reduce((said, secret) => said.replaceAll(secret, "…"), text);
}
