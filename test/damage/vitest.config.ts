/**
 * What kills, tears and fills: `npm run test:damage`. Apart from `npm test`, which people run often, because it starts some
 * thousand processes and takes minutes.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/damage/**/*.test.ts"],
    pool: "threads",
    isolate: false,
    maxWorkers: 2,
    // As in the configuration of the other tests.
    env: { NODE_EXTRA_CA_CERTS: "" },
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
