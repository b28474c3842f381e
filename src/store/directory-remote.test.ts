/** A folder as remote: the port's suite, and what only a folder can be: gone, another one, read-only, full, open to others. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDirectoryRemote } from "./directory-remote.ts";
import { describeRemote } from "./remote.suite.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "tidemark-remote-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describeRemote("a folder", () => {
  const path = mkdtempSync(join(tmpdir(), "tidemark-remote-"));
  return { open: () => openDirectoryRemote(path), remove: () => rmSync(path, { recursive: true, force: true }) };
});

describe("a folder that is a remote", () => {
  test("is for its owner alone, and nothing temporary is left in it", async () => {
    const path = folder();
    await openDirectoryRemote(path).put("objects/ab/cd", Buffer.from("text"));
    expect(["objects", "objects/ab", "temp"].map((each) => statSync(join(path, each)).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
    expect(statSync(join(path, "objects/ab/cd")).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, "temp"))).toEqual([]);
  });

  test("that vanishes is an error, not absence, and is not made anew", async () => {
    const path = join(folder(), "mount");
    const remote = openDirectoryRemote(path);
    for (const ask of [() => remote.put("a", Buffer.from("")), () => remote.get("a"), () => remote.has("a"), () => remote.list("trees/")]) await expect(ask()).rejects.toMatchObject({ code: "REMOTE_GONE", kind: "environment", message: expect.stringContaining(path) });
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "");
    await expect(remote.get("a")).rejects.toMatchObject({ code: "REMOTE_GONE" });
  });

  test("in whose place another one stands, as a mount point does whose disk was taken away, is left alone", async () => {
    const above = folder();
    const path = join(above, "mount");
    mkdirSync(path);
    const remote = openDirectoryRemote(path);
    await remote.put("a/b", Buffer.from("1"));
    renameSync(path, join(above, "taken away"));
    mkdirSync(path);
    await expect(remote.put("a/c", Buffer.from("2"))).rejects.toMatchObject({ code: "REMOTE_GONE", message: expect.stringContaining("Another folder") });
    await expect(remote.get("a/b")).rejects.toMatchObject({ code: "REMOTE_GONE" });
    expect(readdirSync(path)).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === "win32")("that may not be written says so", async () => {
    const path = folder();
    chmodSync(path, 0o500);
    await expect(openDirectoryRemote(path).put("a/b", Buffer.from(""))).rejects.toMatchObject({ code: "REMOTE_UNWRITABLE" });
    chmodSync(path, 0o700);
  });

  test("that is full says so, leaves no half of a file, and takes it once there is room", async ({ skip }) => {
    const path = folder();
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "none", path], { stdio: "pipe" });
    } catch {
      return skip("a file system of a given size needs leave to mount");
    }
    onTestFinished(() => void execFileSync("umount", [path]));
    const remote = openDirectoryRemote(path);
    await expect(remote.put("objects/large", Buffer.alloc(1 << 20, "x"))).rejects.toMatchObject({ code: "REMOTE_UNWRITABLE", message: expect.stringContaining("full") });
    expect([await remote.has("objects/large"), readdirSync(join(path, "temp"))]).toEqual([false, []]);
    await remote.put("objects/small", Buffer.from("x"));
    expect(await remote.list("objects/")).toEqual(["objects/small"]);
  });

  test("loses what a killed process left half written, once it is old", async () => {
    const path = folder();
    const remote = openDirectoryRemote(path);
    await remote.put("a", Buffer.from(""));
    const [old, young] = [join(path, "temp/old"), join(path, "temp/young")];
    for (const each of [old, young]) writeFileSync(each, "half");
    utimesSync(old, 1000, 1000);
    expect(await remote.removeStray(2_000_000)).toBe(1);
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(await remote.list("a/")).toEqual([]);
  });

  test("does not list what others put into it", async () => {
    const path = folder();
    const remote = openDirectoryRemote(path);
    await remote.put("trees/a/1.json", Buffer.from(""));
    for (const each of [".DS_Store", "Thumbs.db", "1 (conflict copy).json"]) writeFileSync(join(path, "trees/a", each), "");
    expect(await remote.list("trees/")).toEqual(["trees/a/1.json"]);
  });
});
