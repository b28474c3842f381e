/** How long ago something was, in the words of a person. */

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
