/** The long run: `npm run fuzz -- [--steps 10000] [--seed N] [--world N] [--untimed]`, from the project's folder. */
import { parseArgs } from "node:util";
import { bundleChild } from "./bundle.ts";
import { installFaults } from "./faults.ts";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({ options: { steps: { type: "string", default: "10000" }, seed: { type: "string" }, world: { type: "string" }, untimed: { type: "boolean", default: false } } });
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
console.log(`seed ${seed}`);
const child = await bundleChild(process.cwd());
const faults = installFaults();
const began = performance.now();
try {
  const { steps, worlds, counts, kills } = fuzz({ seed, steps: Number(values.steps), child: child.script, faults, timed: !values.untimed, ...(values.world === undefined ? {} : { world: Number(values.world) }) });
  const seconds = (performance.now() - began) / 1000;
  const list = (all: ReadonlyMap<string, number>): string => [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, n]) => `  ${String(n).padStart(6)} ${what}`).join("\n");
  console.log(`${steps} steps in ${worlds} worlds, ${seconds.toFixed(0)} s, ${(steps / seconds).toFixed(0)} steps/s\n${list(counts)}\nkilled:\n${list(kills)}`);
  console.log(`nothing was lost, nothing restored wrongly (seed ${seed})`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  faults.remove();
  await child.remove();
}
