/** Options that several commands share, and reading their values. */
import { TidemarkError } from "../base/errors.ts";
import type { Option } from "./command.ts";
import { parseTime } from "./format.ts";

export const project: Option = { flags: "--project <path>", text: "only sessions of the project this path belongs to" };

export function count(value: string | boolean | undefined, option: string, least = 1): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least) throw new TidemarkError("BAD_VALUE", `${option} takes a whole number from ${least} on, not "${String(value)}"`);
  return number;
}

export function time(value: string | boolean | undefined, option: string, now: number): number | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = parseTime(value, now);
  if (parsed === undefined) throw new TidemarkError("BAD_VALUE", `${option} takes a date such as 2026-01-31 or an age such as 7d, not "${value}"`);
  return parsed;
}
