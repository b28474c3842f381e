/**
 * What hooks told, folded into what the transcript tells. A hook's event is provisional: its id is that of the
 * transcript's event with `:hook` behind it (for prompts and answers, which hooks know by other ids, of its own). It is
 * dropped where the transcript's has arrived and stands in for it where it has not. Pure.
 */
import type { Event, EventOf } from "../event/schema.ts";

export const FROM_HOOK = ":hook";

export function isFromHook({ id }: Event): boolean {
  return id.endsWith(FROM_HOOK);
}

export function settle(events: readonly Event[]): readonly Event[] {
  if (!events.some(isFromHook)) return events;
  const told = new Told(events.filter((event) => !isFromHook(event)));
  const settled: Event[] = [];
  let last: string | undefined;
  for (const event of events) {
    if (!isFromHook(event)) {
      settled.push(event);
      if (event.thread === undefined && event.record !== undefined) last = event.record;
      continue;
    }
    if (told.has(event)) continue;
    const own = inPlace(event, last);
    settled.push(own);
    if (own.thread === undefined && own.record !== undefined) last = own.record;
  }
  return settled;
}

/** A hook's event as if the transcript had told it, below what was said last. */
function inPlace(event: Event, last: string | undefined): Event {
  const id = event.id.slice(0, -FROM_HOOK.length);
  if (event.type === "files.touched" || event.type === "session.started") return { ...event, id };
  const payload: Record<string, unknown> = { ...event.payload };
  delete payload["provisional"];
  return { ...event, id, record: id, ...(last === undefined || event.thread !== undefined ? {} : { parent: last }), payload } as Event;
}

/** What the transcript has told of a session. */
class Told {
  readonly #ids: ReadonlySet<string>;
  readonly #prompts: EventOf<"prompt">[];
  readonly #answers: string[];
  readonly #errors: number[];
  readonly #started: boolean;

  constructor(events: readonly Event[]) {
    this.#ids = new Set(events.map(({ id }) => id));
    this.#prompts = events.filter((event): event is EventOf<"prompt"> => event.type === "prompt");
    this.#answers = events.flatMap((event) => (event.type === "answer" ? [plain(event.payload.text ?? "")] : []));
    this.#errors = events.flatMap((event) => (event.type === "turn.ended" && (event.payload.how === "error" || event.payload.how === "limit") ? [event.time] : []));
    this.#started = events.some((event) => event.type === "session.started");
  }

  has(event: Event): boolean {
    switch (event.type) {
      case "prompt": {
        const text = plain(event.payload.text ?? "");
        return this.#prompts.some((prompt) => Math.abs(prompt.time - event.time) < SAME_PROMPT || (plain(prompt.payload.text ?? "") === text && prompt.time > event.time - NEAR));
      }
      case "answer":
        return this.#answers.some((answer) => sameAnswer(answer, plain(event.payload.text ?? "")));
      case "turn.ended":
        return this.#errors.some((time) => Math.abs(time - event.time) < NEAR);
      case "session.started":
        return this.#started;
      default:
        return this.#ids.has(event.id.slice(0, -FROM_HOOK.length));
    }
  }
}

/** A hook and the transcript tell the same failure within this, in milliseconds: the client gives up, notes it, then calls the hook. */
export const NEAR = 10_000;

/** Nobody gives two prompts within this, in milliseconds; the client notes one at once and calls the hook then. */
const SAME_PROMPT = 1500;

export function plain(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The hook gives the last message whole, the transcript by its blocks. */
export function sameAnswer(told: string, fromHook: string): boolean {
  return told === fromHook || (told.length > 20 && fromHook.includes(told));
}
