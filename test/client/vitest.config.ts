/**
 * The suite against the real client: `npm run test:client`. Apart from `npm test`, because it fetches some 600 MB once
 * and every case starts a client. One file at a time: two clients at once on two cores make each other late.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/client/**/*.client.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 360_000,
  },
});
