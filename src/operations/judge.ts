/**
 * Asking the named model which of the memories seen from here say the same or exclude each other. What would take the place
 * of what waits in the inbox. Each pair is asked about once. What is asked and what comes of it: memory/judging.ts.
 */
import { asTidemarkError, type TidemarkError } from "../base/errors.ts";
import { loadTokenizer } from "../base/tokens.ts";
import { consolidate } from "../memory/consolidate.ts";
import { JUDGE, JUDGE_MOST, pairName, PAIRS, pairsOf, pairsText, replacementOf, verdictsFrom, type Judged, type Pair } from "../memory/judging.ts";
import { isSeenFrom, type Place } from "../memory/statement.ts";
import type { Store } from "../store/store.ts";
import { idsFor, memories, recordPass } from "./memories.ts";
import { ask, costOf, recordAsked, timesAsked, type Asker, type Price } from "./model.ts";
import { readable } from "./propose.ts";

export interface Pairs {
  readonly pairs: readonly Pair[];
  /** Those that a further time would ask about. */
  readonly left: number;
  readonly tokens: number;
  readonly cost: number | undefined;
}

/** The pairs that one question holds. */
export async function planJudging(store: Store, place: Place, price: Price | undefined): Promise<Pairs> {
  const judged = new Set((await timesAsked(store)).flatMap(({ payload }) => (payload.verdicts ?? []).map(({ a, b }) => pairName(a, b))));
  const state = await memories(store);
  const all = pairsOf(state, [...state.memories.values()].filter(({ scope }) => isSeenFrom(scope, place)), judged);
  const pairs = all.slice(0, PAIRS);
  const count = pairs.length === 0 ? () => 0 : await loadTokenizer();
  const tokens = count(JUDGE) + count(pairsText(pairs));
  return { pairs, left: all.length - pairs.length, tokens, cost: costOf({ input: tokens, output: JUDGE_MOST }, price) };
}

export interface Judgement {
  readonly input: number;
  readonly output: number;
  readonly cost?: number;
  readonly verdicts: readonly Judged[];
  /** Ids of what waits now. */
  readonly proposed: readonly string[];
  readonly pass?: string;
  readonly failure?: TidemarkError;
}

export async function judge(store: Store, asker: Asker, { pairs }: Pairs): Promise<Judgement> {
  const about = { purpose: "judge" } as const;
  const answered = await ask(store, asker, { system: JUDGE, text: pairsText(pairs), most: JUDGE_MOST }, about);
  const took = { input: answered.input ?? 0, output: answered.output ?? 0 };
  try {
    const judged = await readable(answered, () => verdictsFrom(answered.text, pairs), async (why) => void (await recordAsked(store, asker, { ...about, why }, answered)));
    const candidates = judged.flatMap((each) => replacementOf(each) ?? []);
    const state = await memories(store);
    const { changes } = consolidate(candidates, state, idsFor(JSON.stringify([asker.now, state.last, candidates])));
    const made = { proposed: changes.length, known: candidates.length - changes.length, dropped: pairs.length - judged.length };
    const cost = await recordAsked(store, asker, { ...about, made, verdicts: judged.map(({ a, b, verdict }) => ({ a: a.id, b: b.id, verdict })) }, answered);
    const { pass } = await recordPass(store, changes, { by: "extraction", what: "judge", now: asker.now, state });
    return { ...took, ...(cost === undefined ? {} : { cost }), verdicts: judged, proposed: changes.map(({ id }) => id), ...(pass === undefined ? {} : { pass }) };
  } catch (error) {
    const failure = asTidemarkError(error);
    if (failure.code !== "MODEL_GARBLED") throw error;
    const cost = answered.cost ?? costOf(answered, asker.price);
    return { ...took, ...(cost === undefined ? {} : { cost }), verdicts: [], proposed: [], failure };
  }
}
