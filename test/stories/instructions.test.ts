/**
 * The instruction files of every layout, held against what the real client of each version gave its model
 * (test/fixtures/claude-code/instructions.json; how it was recorded: test/client/instructions.client.ts). The order within
 * a folder of rules is the file system's, so the recorded one is taken for it.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { claudeInstructionsAt, DISK } from "../../src/operations/instructions.ts";
import { scratch } from "../helpers.ts";
import { build, LAYOUTS, type Layout } from "../instruction-layouts.ts";
import { named, startOf } from "../client/instructions.ts";

interface Answer {
  readonly given: readonly string[];
  readonly listed: readonly string[];
}

const RECORDED = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/claude-code/instructions.json"), "utf8")) as Record<string, Record<string, Answer>>;

/** A root as the client's had it. */
function rootFor(layout: Layout): string {
  const root = scratch();
  const env = { PATH: process.env["PATH"], HOME: root, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  const git = (...args: string[]): void => void execFileSync("git", ["-c", "user.name=Suite", "-c", "user.email=suite@example.invalid", ...args], { cwd: join(root, "repo"), env, stdio: "pipe" });
  for (const folder of ["repo/sub", "config", "home"]) mkdirSync(join(root, folder), { recursive: true });
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(root, "repo/notes.txt"), "one\ntwo\n");
  writeFileSync(join(root, "repo/sub/inner.txt"), "inner\n");
  git("add", "--all");
  git("commit", "--quiet", "--message", "first");
  build(layout, root, env);
  if (layout.settings !== undefined) writeFileSync(join(root, "config/settings.json"), JSON.stringify(layout.settings).replaceAll("$R", root));
  if (layout.approved === true) writeFileSync(join(root, "config/.claude.json"), JSON.stringify({ projects: { [join(root, "repo")]: { hasClaudeMdExternalIncludesApproved: true } } }));
  return root;
}

test("every layout was recorded from both versions", () => {
  expect(Object.keys(RECORDED)).toEqual(["2.1.197", "2.1.330"]);
  for (const answers of Object.values(RECORDED)) expect(Object.keys(answers)).toEqual(LAYOUTS.map(({ name }) => name));
});

describe.each(Object.keys(RECORDED))("as %s", (version) => {
  test.each(LAYOUTS)("$name", (layout) => {
    const { given, listed } = RECORDED[version]![layout.name]!;
    const root = rootFor(layout);
    const rank = (path: string): number => listed.indexOf(named(root, path));
    const disk = { ...DISK, list: (folder: string) => DISK.list(folder).toSorted((a, b) => rank(a.path) - rank(b.path)) };
    const { files } = claudeInstructionsAt(startOf(layout, root, version), disk);
    expect(files.map(({ path, text }) => named(root, `${path}\n${text.trim()}`))).toEqual(given);
  });
});
