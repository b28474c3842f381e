/** The suite with the package that runs ONNX models: `npm run test:onnx`. Apart from `npm test`, because it fetches some 470 MB once. */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["test/onnx/**/*.onnx.ts"], pool: "forks", testTimeout: 120_000, hookTimeout: 600_000 } });
