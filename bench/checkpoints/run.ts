/**
 * `npm run bench:checkpoints -- [--tree DIR]… [--sizes 1k,9k,57k,94k] [--rounds 5] [--hooks 12] [--only first,resident,bytes,hooks,peers]`
 *
 * What checkpoints, undo and the barrier cost on trees of four sizes, beside a C `lstat` of the same files and the git commands
 * of others, in one run, in alternating order. Trees are generated, or copied from what is given. CPU milliseconds (user and
 * system, all threads), wall time in brackets; every round is printed. Nothing is asserted here.
 *
 * The bundle starts itself once for each part (`--role`), so that no part finds another one's code warm or memory full.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hooks, KINDS, type Hooks } from "./hooks.ts";
import { buildFloor, median, ms, quantile, type Cost } from "./measure.ts";
import { peers } from "./peers.ts";
import { CHECKPOINTS, collected, filled, filling, first, look, resident, storeSize, type First, type Job, type Resident } from "./resident.ts";
import { copy, Editor, filesOf, generate, SHAPES } from "./trees.ts";

const { values } = parseArgs({
  options: {
    tree: { type: "string", multiple: true, default: [] }, sizes: { type: "string" }, rounds: { type: "string", default: "5" }, hooks: { type: "string", default: "12" },
    only: { type: "string", default: "first,resident,bytes,hooks,peers" }, role: { type: "string" }, job: { type: "string" },
  },
});

const ROLES: Record<string, (job: Job) => unknown> = { first, look, resident, hooks, filling: (job) => (filling(job), 0), filled, collected };

if (values.role !== undefined) process.stdout.write(JSON.stringify(await ROLES[values.role]!(JSON.parse(values.job!) as Job)));
else bench();

function ask<T>(role: string, job: Job): T {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--role", role, "--job", JSON.stringify(job)], { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${role} ended with ${status}`);
  return JSON.parse(stdout) as T;
}

function bench(): void {
  const sizes = values.sizes?.split(",") ?? (values.tree.length > 0 ? [] : SHAPES.map(({ name }) => name));
  const parts = new Set(values.only.split(","));
  const work = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-checkpoints-")));
  const floor = buildFloor(work);
  console.log(`${new Date().toISOString().slice(0, 10)}, ${process.platform} ${release()}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)} at the start${floor === undefined ? "; no C compiler: the floor is Node's lstat" : ""}`);
  try {
    for (const size of sizes) {
      const shape = SHAPES.find(({ name }) => name === size);
      if (shape === undefined) throw new Error(`there is no size ${size}`);
      const tree = join(work, size, "tree");
      mkdirSync(tree, { recursive: true });
      generate(tree, shape);
      one(size, tree, parts, floor);
    }
    for (const given of values.tree) {
      const name = basename(resolve(given));
      const tree = join(work, `given-${name}`, "tree");
      mkdirSync(join(tree, ".."), { recursive: true });
      copy(resolve(given), tree);
      one(name, tree, parts, floor);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function one(name: string, tree: string, parts: ReadonlySet<string>, floor: string | undefined): void {
  const rounds = Number(values.rounds);
  const work = join(tree, "..");
  const paths = filesOf(tree);
  const job: Job = { tree, work, rounds, ...(floor === undefined ? {} : { floor }) };
  console.log(`\n### ${name}: ${paths.length.toLocaleString("en-US")} files (load ${loadavg()[0]!.toFixed(1)})\n`);
  if (parts.has("look")) console.log(raw("first look", ask<Cost[]>("look", job)));
  if (parts.has("first")) {
    const all = Array.from({ length: rounds }, () => ask<First>("first", job));
    const begins = all.map(({ begin }) => begin);
    const floors = all.map((each) => each.floor);
    console.log(`${raw("first checkpoint, a new process", begins)}\n${raw("  C lstat beside it", floors)}`);
    console.log(`- × ${(cpu(begins) / cpu(floors)).toFixed(1)} of the floor; peak of the process ${ms(median(all.map(({ peakMb }) => peakMb)))} MB; ${all[0]!.files.toLocaleString("en-US")} files, manifest of ${all[0]!.manifestMb.toFixed(1)} MB on disk`);
  }
  if (parts.has("resident")) tellResident(ask<Resident>("resident", job));
  if (parts.has("bytes")) {
    ask("filling", job);
    const empty = storeSize(job);
    const size = ask<number>("filled", job);
    const before = (storeSize(job) - empty) / CHECKPOINTS;
    const spent = ask<Cost>("collected", job);
    console.log(`- bytes on disk for each of ${CHECKPOINTS} one-file checkpoints, of 20 files of ${size.toFixed(0)} bytes: ${before.toFixed(0)}, after collecting ${((storeSize(job) - empty) / CHECKPOINTS).toFixed(0)} (${ms(spent.cpu)} ms CPU)`);
  }
  if (parts.has("peers")) {
    for (const peer of peers(tree, work, rounds, new Editor(tree, paths))) console.log(`${raw(`${peer.name}: first`, peer.first)}\n${raw(`${peer.name}: next, k=1`, peer.next)}`);
  }
  if (parts.has("hooks")) tellHooks(ask<Hooks>("hooks", { ...job, rounds: Number(values.hooks) }));
}

function tellResident(result: Resident): void {
  const floor = cpu(result.floor);
  console.log(`${raw(result.floorName, result.floor)}\n${raw("Node lstatSync of the list, bigint", result.nodeFloor)}`);
  for (const [k, costs] of Object.entries(result.shell)) console.log(`${raw(`shell checkpoint, ${k}`, costs)}\n  - × ${(cpu(costs) / floor).toFixed(2)} of the floor, × ${(cpu(costs) / cpu(result.nodeFloor)).toFixed(2)} of Node's lstat`);
  console.log(`- edit checkpoint, before and after one Edit: median ${ms(cpu(result.edit))} ms CPU (${ms(median(result.edit.map(({ wall }) => wall)))} wall), p90 ${ms(quantile(result.edit.map((each) => each.cpu), 0.9))}, of ${result.edit.length}`);
  for (const { k, restore, safely, plainly, rewritten } of result.restores) {
    console.log(`${raw(`restore of ${k}`, restore)}\n${raw(`  writing them by temporary, fsync, rename`, safely)}\n${raw(`  writing them in place`, plainly)}`);
    console.log(`  - × ${(cpu(restore) / cpu(safely)).toFixed(2)} CPU and × ${(wall(restore) / wall(safely)).toFixed(2)} wall of writing them safely, × ${(cpu(restore) / cpu(plainly)).toFixed(1)} CPU of writing in place; unchanged files rewritten: ${rewritten.join(", ")}`);
  }
  console.log(`- this process: ${result.rssMb.toFixed(0)} MB resident after the rounds, ${result.peakMb.toFixed(0)} at its peak`);
}

function tellHooks({ ready, waits, rssMb, peakMb }: Hooks): void {
  console.log(`- engine: ready after ${ms(ready)} ms, ${rssMb.toFixed(0)} MB resident, ${peakMb.toFixed(0)} at its peak`);
  const base = median(waits["spool"]!);
  for (const [kind, list] of Object.entries(waits)) {
    const blocked = kind === "spool" ? "" : `; longer than the first by ${ms(median(list) - base)}`;
    console.log(`- ${KINDS[kind as keyof typeof KINDS]}: median ${ms(median(list))} ms, p99 ${ms(quantile(list, 0.99))}${blocked} (${list.map(ms).join(", ")})`);
  }
}

function cpu(costs: readonly Cost[]): number {
  return median(costs.map((each) => each.cpu));
}

function wall(costs: readonly Cost[]): number {
  return median(costs.map((each) => each.wall));
}

function raw(name: string, costs: readonly Cost[]): string {
  return `- ${name}: median ${ms(cpu(costs))} ms CPU (${ms(wall(costs))} wall); ${costs.map((each) => `${ms(each.cpu)} (${ms(each.wall)})`).join(", ")}`;
}
