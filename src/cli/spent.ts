/** What asking a model took, in words. */
import { plural } from "../base/text.ts";

export interface Took {
  readonly asked: number;
  readonly input: number;
  readonly output: number;
  readonly cost?: number | undefined;
}

/** "asked twice, 12,000 tokens read, 300 written, 0.0093 at your price". */
export function tookWords({ asked, input, output, cost }: Took): string {
  return `asked ${asked === 1 ? "once" : plural(asked, "time")}, ${plural(input, "token")} read, ${output.toLocaleString("en-US")} written${cost === undefined ? "" : `, cost ${amount(cost)}`}`;
}

/** Two digits that count; no exponent. */
export function amount(cost: number): string {
  return cost === 0 ? "0" : cost >= 0.1 ? cost.toFixed(2) : cost.toLocaleString("en-US", { maximumSignificantDigits: 2 });
}
