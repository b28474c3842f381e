/** The long run: `npm run fuzz:mcp -- [--requests 10000] [--seed N]`, from the project's folder. */
import { parseArgs } from "node:util";
import { fuzzHttp } from "./fuzz.ts";

const { values } = parseArgs({ options: { requests: { type: "string", default: "10000" }, seed: { type: "string" } } });
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
console.log(`seed ${seed}`);
const began = performance.now();
try {
  const { requests, statuses, kinds } = await fuzzHttp({ seed, requests: Number(values.requests) });
  const seconds = (performance.now() - began) / 1000;
  const list = (all: ReadonlyMap<string | number, number>): string => [...all].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)).map(([what, n]) => `  ${String(n).padStart(6)} ${what === 0 ? "cut off by us" : what}`).join("\n");
  console.log(`${requests} requests, ${seconds.toFixed(0)} s, ${(requests / seconds).toFixed(0)} requests/s\n${list(kinds)}\nanswered:\n${list(statuses)}`);
  console.log(`nothing broke, and nobody got what is another's (seed ${seed})`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
