/** Arguments that several tools have. Descriptions are paid for in every session: what the name says is not said again. */
import * as z from "zod";

/** What is wrong with a text is said with what to send instead. */
export function text(what: string, most: number): z.ZodString {
  return z.string({ error: `send ${what}, as a string` }).min(1, `must not be empty: send ${what}`).max(most, `at most ${most.toLocaleString("en-US")} characters: send ${what}`);
}

export const project = text("the path of the project's folder", 4096).optional();
export const handle = text("the handle that resume gave", 200).optional();
export const detail = z.enum(["concise", "detailed"], { error: 'send "concise" or "detailed"' }).optional();
