/**
 * What hooks told, folded into what the transcript tells. A hook's event is provisional: its id is that of the
 * transcript's event with `:hook` behind it (for prompts and answers, which hooks know by other ids, of its own). It is
 * dropped where the transcript's has arrived and stands in for it where it has not. Pure.
 */
import type { Event, EventOf } from "../event/schema.ts";

const FROM_HOOK = ":hook";

function isFromHook({ id }: Event): boolean {
  return id.endsWith(FROM_HOOK);
}

export function settle(events: readonly Event[]): readonly Event[] {
  if (!events.some(isFromHook)) return events;
  const told = new Told();
  told.add(events.filter((event) => !isFromHook(event)));
  const settled: Event[] = [];
  let last: string | undefined;
  /** By the record they hang on: the last of what only hooks told after it. */
  const after = new Map<string, string>();
  for (const event of events) {
    if (!isFromHook(event)) {
      // A session that is taken up goes on from the transcript's last record; what only hooks told lies between.
      const between = event.thread === undefined && event.parent !== undefined ? after.get(event.parent) : undefined;
      settled.push(between === undefined ? event : ({ ...event, parent: between } as Event));
      if (event.thread === undefined && event.record !== undefined) {
        last = event.record;
        if (between !== undefined && event.type === "prompt") after.clear();
      }
      continue;
    }
    if (told.has(event)) continue;
    const own = inPlace(event, last);
    settled.push(own);
    if (own.thread !== undefined || own.record === undefined) continue;
    if (last !== undefined) after.set([...after].find(([, below]) => below === last)?.[0] ?? last, own.record);
    last = own.record;
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

/** A hook and the transcript tell the same within this, in milliseconds: the client notes it, then calls the hook, or the other way round. */
const NEAR = 10_000;
/** Nobody gives two prompts within this, in milliseconds; the client notes one at once and calls the hook then. */
const SAME_PROMPT = 1500;

/** Kinds of what a person typed: the hook gives the line, the transcript says what the client made of it. */
const TYPED: ReadonlySet<string> = new Set(["user", "command", "shell"]);

/** What the transcript has told of a session. */
export class Told {
  readonly #ids = new Set<string>();
  readonly #prompts: EventOf<"prompt">[] = [];
  readonly #answers: { text: string; time: number }[] = [];
  readonly #failures: number[] = [];
  #started = false;

  add(events: readonly Event[]): void {
    for (const event of events) {
      this.#ids.add(event.id);
      if (event.type === "session.started") this.#started = true;
      if (event.thread !== undefined) continue;
      if (event.type === "prompt") this.#prompts.push(event);
      else if (event.type === "answer") this.#answers.push({ text: plain(event.payload.text ?? ""), time: event.time });
      else if (event.type === "turn.ended" && (event.payload.how === "error" || event.payload.how === "limit")) this.#failures.push(event.time);
    }
  }

  /** Whether a hook's event is told already. */
  has(event: Event): boolean {
    switch (event.type) {
      case "prompt": {
        const { kind, text } = event.payload;
        const alike = this.#prompts.filter(({ payload }) => payload.kind === kind || (TYPED.has(payload.kind ?? "") && TYPED.has(kind)));
        return alike.some(({ time, payload }) => Math.abs(time - event.time) < (plain(payload.text ?? "") === plain(text ?? "") ? NEAR : SAME_PROMPT));
      }
      case "answer": {
        // "Done." is said often: only what was said about then is the same.
        const words = plain(event.payload.text ?? "");
        return this.#answers.some(({ text, time }) => Math.abs(time - event.time) < NEAR && sameAnswer(text, words));
      }
      case "turn.ended":
        return this.#failures.some((time) => Math.abs(time - event.time) < NEAR);
      case "session.started":
        return this.#started;
      default:
        return this.#ids.has(event.id.slice(0, -FROM_HOOK.length));
    }
  }
}

function plain(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The hook gives the last message whole, the transcript by its blocks. */
function sameAnswer(told: string, fromHook: string): boolean {
  return told === fromHook || (told.length > 20 && fromHook.includes(told));
}
