/**
 * What the damage tests write: batches of every size and kind, the same again for the same seed, so that the test that
 * kills a writer can tell what the writer must have written. No two writers share a text or an id.
 */
import { called, ended, prompt, returned, started } from "../builders.ts";
import type { Event } from "../../src/event/schema.ts";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Seed of a test run: given, to repeat one, or new; printed in either case. */
export function seedOf(test: string): number {
  const seed = Number(process.env["TIDEMARK_SEED"] ?? Date.now() % 1_000_000);
  console.log(`${test}: TIDEMARK_SEED=${seed}`);
  return seed;
}

/** The nth batch of a writer: 1 to 20 events, some of them with a text that becomes an object. */
export function batchOf(writer: string, seed: number, n: number): Event[] {
  const random = randomFrom(seed * 1009 + n * 7919);
  const size = 1 + Math.floor(random() ** 3 * 20);
  const events = Array.from({ length: size }, (_, i): Event => {
    const given = { id: `${writer}:${n}:${i}`, session: `session-${writer}-${n % 3}`, time: n * 1000 + i };
    const words = Array.from({ length: 3 + Math.floor(random() * 30) }, () => WORDS[Math.floor(random() * WORDS.length)]!).join(" ");
    const kind = random();
    if (kind < 0.5) return prompt(`${writer} ${words}`, given);
    if (kind < 0.7) return called("Bash", { command: words, description: writer }, given);
    // Of a few texts per writer, so that some are already kept.
    if (kind < 0.85) return ended(`${writer} ${Math.floor(random() * 5)} ${"long text ".repeat(900)}`, given);
    return returned(`${writer} ${words}\n`.repeat(40), given);
  });
  return n === 0 ? [started(`session-${writer}-0`, `/work/${writer}`, { time: 0 }), ...events] : events;
}

const WORDS = "keel hull mast sail tide anchor harbour beacon current draught ebb fathom galley hawser jetty knot ledge moor nautical oar pilot quay rudder shoal".split(" ");
