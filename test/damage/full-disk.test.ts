/**
 * A disk that is really full: a writer on a file system of 3 MB that is its own (a tmpfs in a mount namespace, which
 * Linux allows without being root in most places, and which goes with the process). Skipped where it does not.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleWriter, start, type Bundle } from "./processes.ts";

let bundle: Bundle;
beforeAll(async () => void (bundle = await bundleWriter()));
afterAll(() => bundle.remove());

const inNamespace = (command: string): string[] => ["--map-root-user", "--mount", "sh", "-c", command];

test("a full disk is said clearly, loses nothing, and writing goes on once there is room", { timeout: 60_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-full-"));
  const mount = `mount -t tmpfs -o size=3m tmpfs '${folder}'`;
  const possible = spawnSync("unshare", inNamespace(mount), { encoding: "utf8" });
  if (possible.status !== 0) {
    console.warn(`NOT TESTED: a full disk; no file system of its own can be mounted here: ${possible.error?.message ?? possible.stderr}`);
    await rm(folder, { recursive: true });
    context.skip("mounting is not permitted");
  }
  const { code, signal, said, errors } = await start("unshare", inNamespace(`${mount} && exec '${process.execPath}' '${bundle.script}' full '${folder}/state'`)).ended;
  expect({ code, signal, errors }).toEqual({ code: 0, signal: null, errors: "" });
  const sound = { lost: 0, extra: 0, problems: [] };
  expect(said).toEqual([
    { filling: "short texts", error: "DISK_FULL", again: "DISK_FULL" },
    { full: sound },
    { opening: "DISK_FULL" },
    { freed: sound },
    { filling: "long texts", error: "DISK_FULL" },
    { reopened: sound, acknowledged: expect.any(Number) },
  ]);
  expect(said.at(-1)!["acknowledged"]).toBeGreaterThan(50);
  await rm(folder, { recursive: true });
});
