/** Times in the words of a person: how long ago something was, and reading what they type. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "5 min", "3 h", "12 d", "4 mo" before `now`; a time ahead of the clock is said to be so. */
export function age(time: number, now: number): string {
  const past = now - time;
  if (time === 0) return "unknown";
  if (past < -MINUTE) return "ahead";
  if (past < MINUTE) return "now";
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  if (past < 2 * DAY) return `${Math.floor(past / HOUR)} h`;
  if (past < 60 * DAY) return `${Math.floor(past / DAY)} d`;
  return `${Math.floor(past / (30 * DAY))} mo`;
}

export function ago(time: number, now: number): string {
  const words = age(time, now);
  return words === "now" ? "just now" : words === "ahead" || words === "unknown" ? `at an ${words === "ahead" ? "odd" : "unknown"} time` : `${words} ago`;
}

/** `-7d`, `2026-01-31`, or any time JavaScript reads; undefined where it is none. */
export function parseTime(text: string, now: number): number | undefined {
  const ago = /^-?(\d+)\s*(m|h|d|w|mo)$/.exec(text);
  if (ago !== null) return now - Number(ago[1]) * { m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY, mo: 30 * DAY }[ago[2] as "m"];
  const time = Date.parse(text);
  return Number.isFinite(time) ? time : undefined;
}
