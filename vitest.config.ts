/**
 * Tests stand beside the code and in test/. One process with threads and shared modules starts five times quicker than
 * a process per file; tests that need processes of their own start real ones (test/damage/processes.ts).
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "threads",
    isolate: false,
    // Half of the processors is the default: on two that is one, and six minutes.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
