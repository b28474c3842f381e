/** Files of a real folder against what a session left in them. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkFile, commandStands } from "./check.ts";
import { projectOf } from "./project.ts";

let project = "";
const ENDED = Date.UTC(2026, 0, 1);
const put = (name: string, text: string, modified: number): void => {
  writeFileSync(join(project, name), text);
  utimesSync(join(project, name), modified / 1000, modified / 1000);
};
const ask = (path: string, names: string[] = [], written: string[] = []): ReturnType<typeof checkFile> => checkFile(project, { path, names, written }, ENDED);

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "tidemark-check-"));
  mkdirSync(join(project, "src"));
  put("src/old.ts", "export const keepThis = 1;", ENDED - 1000);
  put("src/new.ts", "export const other = 1;", ENDED + 1000);
  put("package.json", JSON.stringify({ scripts: { build: "x" } }), ENDED - 1000);
});
afterAll(() => rmSync(project, { recursive: true }));

describe("checkFile", () => {
  test("untouched since the session: current, with the names it has", () => {
    expect(ask("src/old.ts", ["keepThis", "goneName"])).toEqual({ check: "current", names: new Set(["keepThis"]) });
  });

  test("touched since: changed", () => {
    expect(ask("src/new.ts", ["other"])).toMatchObject({ check: "changed" });
  });

  test("touched since, as a checkout does, but with what was last written still in it: current", () => {
    expect(ask("src/new.ts", [], ["export const other"])).toMatchObject({ check: "current" });
  });

  test("not there: gone", () => {
    expect(ask("src/never.ts")).toEqual({ check: "gone" });
    expect(ask(join(project, "src/never.ts"))).toEqual({ check: "gone" });
  });

  test("a bare name, or a path outside of the project, is not said to be gone", () => {
    expect(ask("never.ts")).toBeUndefined();
    expect(ask("/somewhere/else/never.ts")).toBeUndefined();
  });
});

describe("commandStands", () => {
  test.each([
    ["npm run build", true],
    ["npm run deploy", false],
    ["npm test", false],
    ["./src/old.ts", true],
    ["./scripts/gone.sh now", false],
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

  test("is the folder itself where there is none, also one that is not on this machine", () => {
    expect(projectOf("/no/such/folder")).toBe("/no/such/folder");
  });
});
