/** Options that several commands share, and reading their values. */
import { parseTime } from "../base/age.ts";
import { TidemarkError } from "../base/errors.ts";
import type { Option } from "./command.ts";

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

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** "500M", "2 GiB", or a number of bytes. */
export function size(value: string | boolean | undefined, option: string): number | undefined {
  if (value === undefined) return undefined;
  const found = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(String(value).trim());
  if (found === null) throw new TidemarkError("BAD_VALUE", `${option} takes a size such as 500M or 2GiB, not "${String(value)}"`);
  return Math.floor(Number(found[1]) * UNITS[found[2]!.toLowerCase()]!);
}
