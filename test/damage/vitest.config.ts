/**
 * What kills, tears and fills: `npm run test:damage`. Apart from `npm test`, which people run often, because it starts some
 * thousand processes and takes minutes. Otherwise as the other tests.
 */
import { defineConfig } from "vitest/config";
import others from "../../vitest.config.ts";

export default defineConfig({ test: { ...others.test, include: ["test/damage/**/*.test.ts"], exclude: [] } });
