/** A short run of the fuzzer of the HTTP server (fuzz.ts), with a seed that stays: the long one is `npm run fuzz:mcp`. */
import { expect, test } from "vitest";
import { fuzzHttp } from "./fuzz.ts";

const SEED = 20260728;

test("random requests by callers with each other's ids: nobody gets what is another's, and nothing breaks", { timeout: 120_000 }, async () => {
  console.log(`fuzz:mcp: seed ${SEED}`);
  const { statuses, kinds } = await fuzzHttp({ seed: SEED, requests: 600 });
  for (const kind of ["modern", "legacy", "session", "torn", "GET", "DELETE"]) expect(kinds.get(kind), kind).toBeGreaterThan(0);
  for (const status of [200, 400, 401, 403, 404]) expect(statuses.get(status), String(status)).toBeGreaterThan(0);
});
