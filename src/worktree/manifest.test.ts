/** The manifest comes back as it was written, whatever names are in it; damaged in any place it is none. */
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync, lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Manifest } from "./manifest.ts";
import { pathOf } from "./names.ts";

/** Files and folders of every state and with names of every kind. */
function filled(): Manifest {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-manifest-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "file"), "bytes");
  symlinkSync("file", join(folder, "link"));
  const [file, link] = ["file", "link"].map((name) => lstatSync(join(folder, name), { bigint: true }));
  const manifest = new Manifest();
  const top = manifest.addFolder("", undefined);
  Object.assign(top, { mtime: 123_456_789_012_345_678n, ctime: -5n, inode: 2n ** 63n - 1n, racy: false, repository: "" });
  const odd = manifest.addFolder(pathOf(Buffer.from("caf\xe9", "latin1")), top);
  Object.assign(odd, { racy: true, closed: true });
  const sparse = manifest.folderFor("node_modules/pkg/index.js");
  for (const [i, [where, name]] of ([[top, "a.ts"], [top, "\"quoted\"\nand\tmore"], [top, "😀💀"], [odd, pathOf(Buffer.from([0xff, 0xfe, 0x80]))], [odd, `💀${pathOf(Buffer.of(0x80))}`], [sparse, "index.js"]] as const).entries()) {
    const slot = manifest.add(where, name);
    manifest.stamp(slot, i === 1 ? link! : file!, i === 2 ? 0n : 2n ** 62n);
    if (i === 3) manifest.skip(slot, "larger than 50 MiB");
    else if (i !== 4) manifest.settle(slot, i === 0 ? `git:${"a".repeat(40)}` : `sha256:${String(i).repeat(64)}`);
  }
  manifest.reasons.set("some/pipe", "no file (a pipe, socket or device)");
  manifest.indexed.set("", 77n);
  manifest.seq = 41;
  manifest.scanned = 1_700_000_000_123_456_789n;
  // A place in the columns that was given up does not come back.
  manifest.remove(manifest.add(top, "gone.ts"));
  return manifest;
}

function shown(manifest: Manifest): unknown {
  const files = [...manifest.slots()].map((slot) => [manifest.pathOf(slot), manifest.stateOf(slot), manifest.stampOf(slot), manifest.isLink(slot), manifest.isRacy(slot), manifest.isPending(slot)] as const);
  const folders = [...manifest.folders.values()].map((folder) => ({ ...folder, rules: undefined }));
  const plain = folders.map(({ files: names, folders: inner, ...folder }) => ({ ...folder, files: [...names.keys()].sort(), folders: [...inner].sort() }));
  return { files: files.sort(([a], [b]) => (a < b ? -1 : 1)), folders: plain, reasons: [...manifest.reasons], indexed: [...manifest.indexed], seq: manifest.seq, scanned: manifest.scanned, count: manifest.files };
}

test("what is written down comes back, lone surrogates, large numbers and all", () => {
  const manifest = filled();
  const bytes = manifest.encode();
  const back = Manifest.decode(bytes)!;
  expect(shown(back)).toEqual(shown(manifest));
  expect(back.slotOf(`${pathOf(Buffer.from("caf\xe9", "latin1"))}/${pathOf(Buffer.from([0xff, 0xfe, 0x80]))}`)).toBeDefined();
  expect(back.ruled).toBe(false);
  // And goes on: once more the same, and room for more than it came with.
  expect(Manifest.decode(back.encode())!.encode().equals(back.encode())).toBe(true);
  for (let i = 0; i < 5000; i++) back.settle(back.add(back.folders.get("")!, `more-${i}`), "sha256:x");
  expect(Manifest.decode(back.encode())!.files).toBe(back.files);
});

test("from a view into a larger buffer, at an odd place", () => {
  const bytes = filled().encode();
  const larger = Buffer.concat([Buffer.alloc(3, 1), bytes, Buffer.alloc(5, 2)]);
  expect(shown(Manifest.decode(larger.subarray(3, 3 + bytes.length))!)).toEqual(shown(Manifest.decode(Buffer.from(bytes))!));
});

test("torn or changed at any place it is none, and no error", () => {
  const bytes = filled().encode();
  for (let length = 0; length < bytes.length; length++) expect(Manifest.decode(bytes.subarray(0, length))).toBeUndefined();
  expect(Manifest.decode(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined();
  for (let at = 0; at < bytes.length; at++) {
    const bent = Buffer.from(bytes);
    bent[at] = bent[at]! ^ 0x10;
    expect(Manifest.decode(bent)).toBeUndefined();
  }
  expect(Manifest.decode(Buffer.alloc(1000))).toBeUndefined();
});

test("folders that go take what is in them along, and what could not be looked at in them", () => {
  const manifest = new Manifest();
  const top = manifest.addFolder("", undefined);
  const a = manifest.addFolder("a", top);
  const b = manifest.addFolder("a/b", a);
  const slots = [manifest.add(a, "1"), manifest.add(b, "2"), manifest.add(top, "3")];
  for (const path of ["a/pipe", "a/b/pipe", "a", "pipe"]) manifest.reasons.set(path, "no file");
  expect(manifest.removeFolder(a).sort()).toEqual([slots[0], slots[1]]);
  expect([...manifest.folders.keys()]).toEqual([""]);
  expect([...top.folders]).toEqual([]);
  expect([...manifest.reasons.keys()]).toEqual(["pipe"]);
});
