/**
 * Tests stand beside the code and in test/. One process with threads and shared modules starts five times quicker than
 * a process per file; tests that need processes of their own start real ones (test/damage/processes.ts).
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // Has a command of its own: npm run test:damage.
    exclude: ["test/damage/**"],
    pool: "threads",
    isolate: false,
    // Half of the processors is the default: on two that is one, and six minutes.
    maxWorkers: 2,
    // Where it is set, every Node that a test starts reads these certificates first, for 60 ms; nothing here leaves the machine.
    env: { NODE_EXTRA_CA_CERTS: "" },
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
