/** Reading instruction files from the disk: links, pipes, sizes, and what may not be read. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { listInstructionFiles, matchesPatterns, readInstructionFile } from "./instructions.ts";

test("a plain file is read, one behind a link from where it really is, and nothing else", () => {
  const root = scratch();
  writeFileSync(join(root, "a.md"), "A.\n");
  symlinkSync("a.md", join(root, "link.md"));
  symlinkSync("nowhere.md", join(root, "dead.md"));
  symlinkSync("loop.md", join(root, "loop.md"));
  mkdirSync(join(root, "folder.md"));
  expect(readInstructionFile(join(root, "a.md"), 100)).toEqual({ real: join(root, "a.md"), bytes: 3, text: "A.\n" });
  expect(readInstructionFile(join(root, "link.md"), 100)).toMatchObject({ real: join(root, "a.md"), text: "A.\n" });
  for (const name of ["dead.md", "folder.md", "none.md", "a.md/x.md", "x".repeat(5000)]) expect(readInstructionFile(join(root, name), 100), name).toBeUndefined();
  expect(readInstructionFile(join(root, "loop.md"), 100)).toMatchObject({ why: "a link that leads to itself" });
});

test.skipIf(process.platform === "win32")("a pipe is not waited for", () => {
  const root = scratch();
  execFileSync("mkfifo", [join(root, "CLAUDE.md")]);
  expect(readInstructionFile(join(root, "CLAUDE.md"), 100)).toBeUndefined();
});

test("of one that is too large only the size is told", () => {
  const root = scratch();
  writeFileSync(join(root, "a.md"), "x".repeat(101));
  expect(readInstructionFile(join(root, "a.md"), 100)).toEqual({ real: join(root, "a.md"), bytes: 101, why: "101 bytes" });
});

test.skipIf(process.getuid?.() === 0)("one that may not be read says so", () => {
  const root = scratch();
  writeFileSync(join(root, "a.md"), "A.\n");
  chmodSync(join(root, "a.md"), 0);
  expect(readInstructionFile(join(root, "a.md"), 100)).toMatchObject({ why: "permission denied" });
});

test("folders are gone through once, links followed, with the place where each file really is", () => {
  const root = scratch();
  for (const folder of ["rules/deep", "out"]) mkdirSync(join(root, folder), { recursive: true });
  for (const name of ["rules/a.md", "rules/deep/b.md", "out/c.md"]) writeFileSync(join(root, name), "x");
  symlinkSync("../out", join(root, "rules/linked"));
  symlinkSync(".", join(root, "rules/loop"));
  expect(listInstructionFiles(join(root, "rules")).map(({ path, real }) => `${path.slice(root.length)} ${real.slice(root.length)}`).sort()).toEqual(["/rules/a.md /rules/a.md", "/rules/deep/b.md /rules/deep/b.md", "/rules/linked/c.md /out/c.md"]);
  expect(listInstructionFiles(join(root, "none"))).toEqual([]);
});

test("patterns are git's, whatever the case", () => {
  expect(matchesPatterns(["*.ts"], "src/deep/a.ts")).toBe(true);
  expect(matchesPatterns(["SRC"], "src/a.ts")).toBe(true);
  expect(matchesPatterns(["/a.ts", "src/*.js"], "src/a.ts")).toBe(false);
});
