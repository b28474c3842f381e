/**
 * How a question to recall is understood: its words with the forms they may stand in, names, quoted texts, the dates it
 * names, and whether it asks for a time. Pure, shared by every store. Nothing a person types is an error: operators are
 * words, and what cannot be looked up by words is looked for as it stands (recall.ts).
 */
import { alike, formsOf } from "./english.ts";
import { parseQuery } from "./ranking.ts";

/** A span of time that a question names, [from, to) in milliseconds since 1970, UTC. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** What naming it says: a day 1, a week or month 0.8, a year 0.3. */
  readonly weight: number;
}

export interface Word {
  readonly text: string;
  /** The same word in its other forms, itself first: "went" is asked for as "go". */
  readonly forms: readonly string[];
  /** Other words of like meaning. */
  readonly alike: readonly string[];
  readonly weight: number;
}

export interface Question {
  readonly words: readonly Word[];
  /** Texts in double quotes, lower case: passages that hold them come first. */
  readonly phrases: readonly string[];
  readonly spans: readonly Span[];
  /** "When …", "how long …": a passage that tells a time answers it. */
  readonly asksWhen: boolean;
  /** "What was I doing …": what was worked at in the time it names answers it. */
  readonly asksDoing: boolean;
  /** As it was asked, on one line. */
  readonly text: string;
}

/** Words of a question that are looked up. A long text asks with the first of them; its later ones repeat them. */
const MOST_WORDS = 40;

/** `ahead`: minutes that the clocks of whoever asks are ahead of UTC. */
export function understand(text: string, now: number, ahead = 0): Question {
  const flat = text.replace(/\s+/g, " ").trim();
  const query = parseQuery(flat, MOST_WORDS);
  return {
    words: (query?.terms ?? []).map(({ text: term, weight }) => ({ text: term, forms: formsOf(term), alike: alike(term), weight })),
    phrases: query?.phrases ?? [],
    spans: spansOf(flat, now + ahead * MINUTE).map(({ from, to, weight }) => ({ from: from - ahead * MINUTE, to: to - ahead * MINUTE, weight })),
    asksWhen: /^\W*(?:when|since when|how long|what (?:date|day|month|year|time)|which (?:date|day|month|year))\b/i.test(flat),
    asksDoing: asksDoing(flat),
    text: flat,
  };
}

/** A question for what was worked at, and for nothing but the time of it: with a subject its words are the better guide. */
function asksDoing(text: string): boolean {
  const [, rest] = /\bwhat (?:was|were|did|have|had) (?:i|we) (?:do(?:ing|ne)?|work(?:ing|ed)? (?:on|at)|up to|busy with|at)\b(.*)$/i.exec(text) ?? [];
  return rest !== undefined && (rest.toLowerCase().match(/\p{L}+/gu) ?? []).every((word) => TIME_WORDS.has(word));
}

/** Whether a text tells a time: what a question for one is answered by. */
export function tellsTime(text: string): boolean {
  return TELLS.test(text);
}

/** Whether a text ends with a question, and so seldom holds an answer. */
export function onlyAsks(text: string): boolean {
  return /\?\s*$/.test(text);
}

const MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december";
const DAYS = "sunday|monday|tuesday|wednesday|thursday|friday|saturday";
const TIME_WORDS = new Set(`${MONTHS} ${DAYS} last this the on in at of a an during ago day days week weeks month months one two three yesterday today morning afternoon evening night st nd rd th here`.split(/[ |]/));
const TELLS = new RegExp(
  String.raw`\b(?:yesterday|today|tonight|tomorrow|ago|since|(?:last|next|this|past) (?:week|weekend|month|year|night|morning|summer|winter|spring|autumn|fall)|${DAYS}|${MONTHS.replace("|may|", "|")}|(?:19|20)\d\d|\d+ (?:hour|day|week|month|year)s?|days?|weeks?|months?|years?)\b`,
  "i",
);

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** Hours of a day, [from, to); a night ends on the day after. */
const TIMES_OF_DAY: Readonly<Record<string, readonly [from: number, to: number]>> = { morning: [5, 12], afternoon: [12, 18], evening: [17, 24], night: [20, 29] };

/** Dates by name or number, and days told from now. A month's name without day, year or preposition may be a verb or a person. */
export function spansOf(text: string, now: number): Span[] {
  const lower = text.toLowerCase();
  const spans: Span[] = [];
  for (const [, year, month, day] of lower.matchAll(/\b(\d{4})-(\d\d)-(\d\d)\b/g)) spans.push(daySpan(Number(year), Number(month) - 1, Number(day)));
  const dates = new RegExp(String.raw`(?:\b(\d{1,2})(?:st|nd|rd|th)?(?: of)? )?\b(${MONTHS})\b(?: (\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,? (?:of )?((?:19|20)\d\d))?`, "g");
  for (const match of lower.matchAll(dates)) {
    const [whole, before, name, after, year] = match;
    const day = before ?? after;
    if (["march", "may"].includes(name!) && day === undefined && year === undefined && !/\b(?:in|on|of|since|during|by|last|this|until|early|late|mid)[ -]$/.test(lower.slice(0, match.index + whole.indexOf(name!)))) continue;
    const month = MONTHS.split("|").indexOf(name!);
    for (const each of year === undefined ? yearsBefore(now, month) : [Number(year)]) spans.push(day === undefined ? { from: Date.UTC(each, month), to: Date.UTC(each, month + 1), weight: 0.8 } : daySpan(each, month, Number(day)));
  }
  if (spans.length === 0) for (const [year] of lower.matchAll(/\b(?:19|20)\d\d\b/g)) spans.push({ from: Date.UTC(Number(year), 0), to: Date.UTC(Number(year) + 1, 0), weight: 0.3 });
  return atTimeOfDay(lower, [...spans, ...fromNow(lower, now)], now);
}

/** "Tuesday afternoon": that part of each day that is named; of weeks and months no part. Without a day the last one that is over or under way. */
function atTimeOfDay(lower: string, spans: readonly Span[], now: number): Span[] {
  const tonight = /\b(?:last night|this (?:morning|afternoon|evening))\b/.exec(lower)?.[0];
  const [, named] = /\b(morning|afternoon|evening|night)s?\b/.exec(lower) ?? [];
  if (named === undefined) return [...spans];
  const [from, to] = TIMES_OF_DAY[named]!;
  const today = Math.floor(now / DAY) * DAY;
  const days = spans.length > 0 || tonight === undefined ? spans : [{ from: tonight === "last night" ? today - DAY : today, to: 0, weight: 1 }];
  return days.map((span) => (span.weight === 1 ? { from: span.from + from * HOUR, to: span.from + to * HOUR, weight: 1 } : span));
}

function daySpan(year: number, month: number, day: number): Span {
  return { from: Date.UTC(year, month, day), to: Date.UTC(year, month, day + 1), weight: 1 };
}

/** Without a year any of the last years may be meant; what lies there decides. */
function yearsBefore(now: number, month: number): number[] {
  const today = new Date(now);
  const newest = month > today.getUTCMonth() ? today.getUTCFullYear() - 1 : today.getUTCFullYear();
  return [newest, newest - 1, newest - 2, newest - 3];
}

function fromNow(lower: string, now: number): Span[] {
  const today = Math.floor(now / DAY) * DAY;
  const weekday = new Date(today).getUTCDay();
  const span = (from: number, days: number, weight: number): Span => ({ from, to: from + days * DAY, weight });
  const spans: Span[] = [];
  if (/\btoday\b/.test(lower)) spans.push(span(today, 1, 1));
  if (/\byesterday\b/.test(lower)) spans.push(span(today - DAY, 1, 1));
  for (const [, count, unit] of lower.matchAll(/\b(\d{1,3}|a|an|one|two|three) (day|week|month)s? ago\b/g)) {
    const n = { a: 1, an: 1, one: 1, two: 2, three: 3 }[count!] ?? Number(count);
    if (unit === "day") spans.push(span(today - n * DAY, 1, 1));
    else if (unit === "week") spans.push(span(today - (n * 7 + 3) * DAY, 7, 0.8));
    else spans.push(span(today - (n * 30 + 15) * DAY, 30, 0.8));
  }
  for (const [, name] of lower.matchAll(new RegExp(String.raw`\b(?:last|on) (${DAYS})\b`, "g"))) spans.push(span(today - ((weekday - DAYS.split("|").indexOf(name!) + 6) % 7 + 1) * DAY, 1, 1));
  if (/\blast week\b/.test(lower)) spans.push(span(today - (((weekday + 6) % 7) + 7) * DAY, 7, 0.8));
  if (/\bthis week\b/.test(lower)) spans.push(span(today - ((weekday + 6) % 7) * DAY, 7, 0.8));
  const date = new Date(now);
  if (/\blast month\b/.test(lower)) spans.push({ from: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1), to: Date.UTC(date.getUTCFullYear(), date.getUTCMonth()), weight: 0.8 });
  return spans;
}
