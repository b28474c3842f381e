/** Files of a real folder against what a session left in them. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkFile, commandStands } from "./check.ts";
import { projectOf, treeOf } from "./project.ts";

let project = "";
const ENDED = Date.UTC(2026, 0, 1);
const put = (name: string, text: string, modified: number): void => {
  writeFileSync(join(project, name), text);
  utimesSync(join(project, name), modified / 1000, modified / 1000);
};
const ask = (path: string | string[], names: string[] = [], written?: string): ReturnType<typeof checkFile> =>
  checkFile(project, [join(project, "src"), project], { paths: [path].flat(), names, ...(written === undefined ? {} : { written }) }, ENDED);

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "tidemark-check-"));
  mkdirSync(join(project, "src"));
  put("src/old.ts", "export const keepThis = 1;", ENDED - 1000);
  put("src/new.ts", "export const other = 1;", ENDED + 1000);
  put("package.json", JSON.stringify({ scripts: { build: "x" } }), ENDED - 1000);
});
afterAll(() => rmSync(project, { recursive: true }));

describe("checkFile", () => {
  test("untouched since the session: current, with the names it has as whole words", () => {
    expect(ask("src/old.ts", ["keepThis", "goneName", "keepTh"])).toEqual({ path: join(project, "src/old.ts"), check: "current", names: new Set(["keepThis"]) });
  });

  test("touched since: changed, also where some text of the agent's is still in it", () => {
    expect(ask("src/new.ts", ["other"])).toMatchObject({ check: "changed" });
    expect(ask("src/new.ts", [], "other")).toMatchObject({ check: "changed" });
  });

  test("touched since, as a checkout does, but the very text that was written: current", () => {
    expect(ask("src/new.ts", [], "export const other = 1;")).toMatchObject({ check: "current" });
  });

  test("a relative path starts at the session's own folder first", () => {
    expect(ask("old.ts")).toMatchObject({ path: join(project, "src/old.ts") });
  });

  test("one of several files of that name that is still there is the one that is meant", () => {
    expect(ask([join(project, "gone/old.ts"), join(project, "src/old.ts")])).toMatchObject({ path: join(project, "src/old.ts"), check: "current" });
  });

  test("a whole path that is not there, or whose folder has become a file: gone", () => {
    expect(ask(join(project, "src/never.ts"))).toEqual({ check: "gone" });
    expect(ask(join(project, "src/old.ts/below.ts"))).toEqual({ check: "gone" });
  });

  test("a name in prose that leads nowhere is not said to be gone", () => {
    expect(ask("never.ts")).toBeUndefined();
    expect(ask("src/never.ts")).toBeUndefined();
  });

  test("nothing outside of the tree is looked at, and a name that cannot be one is no failure", () => {
    expect(ask("/etc/hostname")).toBeUndefined();
    expect(ask("../../etc/hostname")).toBeUndefined();
    expect(ask("x".repeat(300))).toBeUndefined();
  });
});

describe("commandStands", () => {
  test.each([
    ["npm run build", true],
    ["npm run deploy", false],
    ["npm test", false],
    ["./src/old.ts", true],
    ["./scripts/gone.sh now", false],
    ["python scripts/gone.py --all", false],
    ["node src/old.ts", true],
    ["go test ./...", undefined],
  ])("%s: %s", (command, stands) => {
    expect(commandStands(project, command)).toBe(stands);
  });
});

describe("projectOf", () => {
  test("is the folder above that has .git, a file in a linked worktree", () => {
    writeFileSync(join(project, ".git"), "gitdir: elsewhere");
    expect(projectOf(join(project, "src"))).toBe(projectOf(project));
    rmSync(join(project, ".git"));
  });

  test("of a linked worktree is the main one, whose tree it is not", () => {
    const main = join(project, "main");
    const linked = join(project, "linked");
    for (const folder of [join(main, ".git/worktrees/linked"), linked]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(linked, ".git"), `gitdir: ${join(main, ".git/worktrees/linked")}\n`);
    expect(projectOf(linked)).toBe(projectOf(main));
    expect(treeOf(linked)).toBe(treeOf(linked));
    expect(treeOf(linked)).not.toBe(treeOf(main));
  });

  test("is the folder itself where there is none, also one that is not on this machine", () => {
    expect(projectOf("/no/such/folder")).toBe("/no/such/folder");
  });
});
