/** Claims held against real trees: what is there, what is gone, and what cannot be known. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { TreeClaims, type TreeClaim } from "./claims.ts";

const environment = { PATH: process.env["PATH"], HOME: "/nonexistent", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };

function tree(files: Record<string, string>): { root: string; holds: (kind: TreeClaim["kind"], value: string, folder?: string) => boolean } {
  const root = scratch();
  execFileSync("git", ["init", "--quiet"], { cwd: root, env: environment });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  execFileSync("git", ["add", "--all"], { cwd: root, env: environment });
  return { root, holds: (kind, value, folder = ".") => new TreeClaims(root, environment).holds({ kind, value }, join(root, folder)) };
}

test("a file counts from any folder; one that is gone does not, also before git knows", () => {
  const { root, holds } = tree({ "packages/a/src/x.ts": "", "notes/y.md": "", ".gitignore": "/var\n" });
  for (const path of ["packages/a/src/x.ts", "src/x.ts", "a/src", "notes/y.md", "notes/"]) expect(holds("file", path), path).toBe(true);
  expect(holds("file", "../notes/y.md", "packages")).toBe(true);
  expect(holds("file", "packages/a/src/z.ts")).toBe(false);
  rmSync(join(root, "packages/a/src/x.ts"));
  expect(holds("file", "packages/a/src/x.ts")).toBe(false);
  // Of another repository, ignored, someone's own.
  for (const path of ["elsewhere/src/x.ts", "var/log/x.txt", "notes/settings.local.json"]) expect(holds("file", path), path).toBe(true);
});

test("scripts of any package, targets of any Makefile; nothing is said where nothing can be known", () => {
  const { holds } = tree({ "package.json": '{"scripts":{"lint":"x"}}', "packages/a/package.json": '{"scripts":{"build":"x"}}', "packages/b/package.json": "{", Makefile: "all check: x\n\techo\nV := 1\n" });
  expect(["lint", "build", "gone"].map((name) => holds("script", name))).toEqual([true, true, false]);
  expect(["all", "check", "gone"].map((name) => holds("target", name))).toEqual([true, true, false]);
  expect(tree({ Makefile: "%.o: %.c\n\tcc\nall:\n" }).holds("target", "gone")).toBe(true);
  expect(tree({ "a.txt": "" }).holds("script", "gone")).toBe(true);
  expect(new TreeClaims(scratch(), environment).holds({ kind: "file", value: "a/b.ts" }, "/")).toBe(true);
});
