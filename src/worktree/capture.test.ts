/** What is not taken at one look is taken at a later one: a limit, or a file that was busy, is no verdict for good. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sha256Hex } from "../base/hash.ts";
import { capture } from "./capture.ts";
import { Manifest } from "./manifest.ts";
import { scan, scanPath, type Found, type ScanOptions } from "./scan.ts";

test("what was beyond the limit of one look is taken by a later one, or alone", () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-capture-")));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const name of ["a", "b", "c"]) writeFileSync(join(root, name), name.repeat(1000));
  // So late that no file is too young to be trusted.
  const options: ScanOptions = { root, environment: {}, now: () => BigInt(Date.now() + 10_000) * 1_000_000n, own: [] };
  const manifest = new Manifest();
  const take = (found: Found): string[] =>
    capture(manifest, found, { put: (bytes) => `sha256:${sha256Hex(bytes)}`, putFile: () => undefined }, options, { limits: { file: 1 << 20, all: 1500 } }).skipped.map(({ path }) => path).sort();
  const missed = take(scan(manifest, options));
  expect(missed.length).toBe(2);
  expect([...manifest.reasons.keys()].sort()).toEqual(missed);
  take(scanPath(manifest, missed[1]!, options));
  expect([...manifest.reasons.keys()]).toEqual([missed[0]]);
  expect(take(scan(manifest, options))).toEqual([]);
  expect([...manifest.reasons]).toEqual([]);
  for (const name of ["a", "b", "c"]) expect(manifest.stateOf(manifest.slotOf(name)!)).toMatchObject({ content: `sha256:${sha256Hex(Buffer.from(name.repeat(1000)))}` });
  expect(scan(manifest, options).look).toEqual([]);
});
