/**
 * Restores in the real world: processes killed in the middle, another program that writes into the same files, a disk
 * that is full, folders that may not be written. The tree is afterwards the one before or the one wanted, never
 * anything between, and no byte that somebody else wrote is gone. `TIDEMARK_KILLS=1000 npx vitest run
 * test/damage/restore` for the long run.
 */
import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test, type TestContext } from "vitest";
import { sha256Hex } from "../../src/base/hash.ts";
import type { Version } from "../../src/checkpoint/model.ts";
import { onDisk } from "../../src/worktree/names.ts";
import { applyRestore, recoverRestores, sweepAsides, type RestoreStep } from "../../src/worktree/restore.ts";
import { randomFrom, seedOf } from "./batches.ts";
import { start, type Ended } from "./processes.ts";
import { differences, readTree, treeOf, writeTree, type Tree } from "./trees.ts";

const KILLS = Number(process.env["TIDEMARK_KILLS"] ?? 30);

let script: string;
let cache: string;
beforeAll(async () => {
  // Where another user can read it; it needs no package.
  cache = await mkdtemp(join(tmpdir(), "tidemark-restorer-"));
  await chmod(cache, 0o755);
  script = join(cache, "restorer.mjs");
  await build({ entryPoints: [fileURLToPath(new URL("restorer.ts", import.meta.url))], outfile: script, bundle: true, format: "esm", platform: "node", target: "node20.19" });
});
afterAll(() => rm(cache, { recursive: true, force: true }));

function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-restore-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What was moved aside and kept. */
function asides(holding: string): string[] {
  const folders = existsSync(holding) ? readdirSync(holding).filter((name) => name.endsWith(".asides")) : [];
  return folders.flatMap((folder) => readdirSync(join(holding, folder)).filter((name) => name !== "index.json").map((name) => readFileSync(join(holding, folder, name), "utf8")));
}

const ours = (names: Iterable<string>): string[] => [...names].filter((name) => /(?:^|\/)\.tidemark-/.test(name));

/** One process after another on the same tree, each killed; gives how many restores were rolled forward, and how many had come to an end by themselves. */
async function lane(where: string, seed: number, kills: number, random: () => number): Promise<{ forward: number; done: number }> {
  let [forward, done, n] = [0, 0, 0];
  let folder = begin(where, seed);
  for (let kill = 0; kill < kills; kill++) {
    const [root, holding] = [join(folder, "tree"), join(folder, "holding")];
    const { child, firstLine, ended } = start(process.execPath, [script, "flip", folder, String(seed), String(n)]);
    await firstLine.then(() => sleep(random() * 80));
    child.kill("SIGKILL");
    const { said, signal, errors } = await ended;
    expect({ signal, errors }).toEqual({ signal: "SIGKILL", errors: "" });
    const begun = Math.max(n, ...said.map((line) => Number(line["begun"] ?? 0)));
    done += Math.max(n, ...said.map((line) => Number(line["done"] ?? 0))) - n;
    const [before, wanted] = [treeOf(seed, begun - 1), treeOf(seed, begun)];
    const mine = random() < 0.25 ? edit(root, kill, random) : undefined;
    if (random() < 0.25) {
      const second = start(process.execPath, [script, "recover", folder, String(seed), String(begun)]);
      await second.firstLine.then(() => sleep(random() * 30));
      second.child.kill("SIGKILL");
      expect((await second.ended).errors).toBe("");
    }
    const read = (id: string): Uint8Array => before.contents.get(id) ?? wanted.contents.get(id)!;
    const recovered = recoverRestores(holding, { read, alive: () => false });
    forward += recovered.length;
    const { files, contents } = readTree(root);
    const which = `seed ${seed}, kill ${kill}, tree ${begun}`;
    expect(ours(files.keys()), which).toEqual([]);
    expect(readdirSync(holding).filter((name) => name.includes(".json")), which).toEqual([]);
    if (mine !== undefined) {
      expect([...contents.values()].map(String).concat(asides(holding)), which).toContain(mine);
      [folder, n] = [begin(where, seed), 0];
      continue;
    }
    const [toWanted, toBefore] = [differences(wanted, files), differences(before, files)];
    // With a journal it has to go forward; before there was one nothing may have changed.
    if (recovered.length > 0 || toBefore.length > 0) expect(toWanted, which).toEqual([]);
    n = toWanted.length === 0 ? begun : begun - 1;
  }
  return { forward, done };
}

/** The tree is in this folder, our own state in that of temporary files. */
function begin(where: string, seed: number): string {
  const folder = mkdtempSync(join(realpathSync(where), "tidemark-restore-"));
  const state = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-restore-"));
  lanes.push(folder, state);
  mkdirSync(join(folder, "tree"));
  symlinkSync(state, join(folder, "holding"));
  writeTree(join(folder, "tree"), treeOf(seed, 0));
  return folder;
}
const lanes: string[] = [];

/** A person who writes into one of the files after the crash. */
function edit(root: string, n: number, random: () => number): string {
  const files = [...readTree(root).files].filter(([, state]) => state !== "folder" && state.type === "file").map(([path]) => path).filter((path) => !/\.tidemark-[^/]*\d$/.test(path));
  const text = `mine ${n}`;
  writeFileSync(onDisk(root, files[Math.floor(random() * files.length)]!), text);
  return text;
}

test(`after ${KILLS} kills the tree is the one before or the one wanted`, { timeout: 60_000 + KILLS * 1000 }, async () => {
  const seed = seedOf("restore");
  onTestFinished(() => lanes.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  // A tree in memory is on another device than our state, and is killed at other places, since nothing waits for a disk.
  const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const told = await Promise.all([tmpdir(), memory].map((where, n) => lane(where, seed + n, KILLS / 2, randomFrom(seed + n))));
  const [forward, done] = [told[0]!.forward + told[1]!.forward, told[0]!.done + told[1]!.done];
  console.log(`${KILLS} kills, ${forward} restores rolled forward, ${done} came to an end before`);
  // Kills that all came too early or too late would prove nothing.
  expect(forward).toBeGreaterThan(KILLS / 4);
});

test("another program writes into the same files: what it wrote last is at its place, in a conflict copy, kept, or was captured", { timeout: 60_000 }, async () => {
  const seed = seedOf("restore beside a writer");
  const FILES = 40;
  const folder = scratch();
  const [root, holding] = [join(folder, "tree"), join(folder, "holding")];
  const contents = new Map<string, Buffer>();
  const told: Record<string, number> = {};
  mkdirSync(root);
  for (let round = 0; round < 5; round++) {
    const { ended } = start(process.execPath, [script, "hammer", folder, String(seed + round), String(FILES), "1000"]);
    let over: Ended | undefined;
    void ended.then((end) => (over = end));
    for (let n = 0; over === undefined; n++) {
      const present = readTree(root) as Tree & { contents: Map<string, Buffer> };
      for (const [id, bytes] of present.contents) contents.set(id, bytes);
      const steps = Array.from({ length: FILES }, (_, i): RestoreStep => {
        const bytes = Buffer.from(`restored ${i} ${n % 3}`);
        const target: Version = { type: "file", mode: 0o644, size: bytes.length, content: `sha256:${sha256Hex(bytes)}` };
        contents.set(target.content, bytes);
        return { path: String(i), expected: present.files.get(String(i)) ?? "absent", target: (i + n) % 5 === 0 ? "absent" : target };
      });
      const ordered = [...steps.filter(({ target }) => target === "absent"), ...steps.filter(({ target }) => target !== "absent")];
      for (const { outcome, copy } of applyRestore(ordered, { root, holding, id: `h${round}-${n}`, read: (id) => contents.get(id)!, mayRemoveDirectory: () => false })) {
        const key = copy === undefined ? outcome : `${outcome} with a copy`;
        told[key] = (told[key] ?? 0) + 1;
      }
      await sleep(1);
    }
    const { code, errors, said } = over;
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    const there = readTree(root);
    const known = new Set([...there.contents.values(), ...contents.values()].map(String).concat(asides(holding)));
    const lost = said.filter((line) => line["text"] !== undefined && !known.has(String(line["text"])));
    expect(lost, `seed ${seed}, round ${round}`).toEqual([]);
    expect(said.length).toBeGreaterThan(FILES / 2);
    expect(ours(there.files.keys())).toEqual([]);
  }
  console.log(`beside a writer: ${JSON.stringify(told)}`);
  for (const outcome of ["written", "deleted", "conflict"]) expect(told[outcome] ?? 0, outcome).toBeGreaterThan(0);
  // What was kept is either what it was, and goes, or is named.
  const kept = sweepAsides(holding, 0, Date.now() + 60_000);
  expect(asides(holding).length).toBe(kept.length);
});

/** Runs a job where the shell command before it allows; skipped loudly where it does not. */
async function jobIn(context: TestContext, what: string, before: string, job: string, folder: string): Promise<Record<string, unknown>[]> {
  const inNamespace = (command: string): string[] => ["--map-root-user", "--mount", "sh", "-c", command];
  const possible = spawnSync("unshare", inNamespace(before), { encoding: "utf8" });
  if (possible.status !== 0) {
    console.warn(`NOT TESTED: ${what}; no file system of its own can be mounted here: ${possible.error?.message ?? possible.stderr}`);
    context.skip("mounting is not permitted");
  }
  const { code, errors, said } = await start("unshare", inNamespace(`${before} && exec '${process.execPath}' '${script}' ${job} '${folder}'`)).ended;
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return said;
}

test("a full disk: nothing is changed, nothing is left behind, and it is done once there is room", async (context) => {
  const folder = scratch();
  const said = await jobIn(context, "a restore on a full disk", `mount -t tmpfs -o size=3m tmpfs '${folder}'`, "full", folder);
  expect(said).toEqual([
    { code: "DISK_FULL", message: "The disk is full; nothing was changed", same: true, left: [] },
    { outcomes: ["written"] },
  ]);
});

const CLOSED = (because: string) => [
  { outcomes: ["gone", "a", "made", "deep/er"].map((name) => `closed/${name} refused ${because}`).concat("open written") },
  { there: ["closed/a old", "closed/gone old", "open new"], left: [] },
];

function fillClosed(folder: string): void {
  mkdirSync(join(folder, "tree/closed"), { recursive: true });
  for (const name of ["closed/gone", "closed/a", "open"]) writeFileSync(join(folder, "tree", name), "old\n");
}

test("a part of the tree that is read-only: its paths are refused, the others are done", async (context) => {
  const folder = scratch();
  fillClosed(folder);
  const closed = `'${folder}/tree/closed'`;
  const said = await jobIn(context, "a restore into a read-only mount", `mount --bind ${closed} ${closed} && mount -o remount,bind,ro ${closed}`, "closed", folder);
  expect(said).toEqual(CLOSED("the file system is read-only"));
});

/** Root may write anywhere and read everything: then somebody who is nobody has to try. */
const NOBODY = 65534;
const asNobody = process.getuid?.() === 0 ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"] : [];

async function jobOfNobody(context: TestContext, job: string, folder: string): Promise<Record<string, unknown>[]> {
  if (asNobody.length > 0) for (const path of ["", ...readdirSync(folder, { recursive: true, encoding: "utf8" })]) chownSync(join(folder, path), NOBODY, NOBODY);
  const [program = "", ...args] = [...asNobody, process.execPath, script, job, folder];
  const possible = spawnSync(program, [...args.slice(0, -3), "-e", `require("fs").accessSync(${JSON.stringify(script)})`], { encoding: "utf8" });
  if (possible.status !== 0) {
    console.warn(`NOT TESTED: ${job}; nobody cannot run it here: ${possible.error?.message ?? possible.stderr}`);
    context.skip("no other user");
  }
  const { code, errors, said } = await start(program, args).ended;
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return said;
}

test("a folder that may not be written: its paths are refused, the others are done", async (context) => {
  const folder = scratch();
  fillClosed(folder);
  spawnSync("chmod", ["555", join(folder, "tree/closed")]);
  expect(await jobOfNobody(context, "closed", folder)).toEqual(CLOSED("permission denied"));
});

test("a file that may not be read is left alone", async (context) => {
  const folder = scratch();
  expect(await jobOfNobody(context, "unreadable", folder)).toEqual([
    { outcomes: ["refused it cannot be read to make sure what it is: permission denied", "refused what stands there could not be captured"], same: true, text: "old\n", names: ["secret", "shut"] },
  ]);
});
