/** Templates and the session's file on the built command line, from an empty tree to what the next session is given. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ask, place, shell, tidemark, type Place } from "../helpers.ts";

function templates(at: Place): string {
  const folder = join(at.cwd, ".tidemark/templates");
  mkdirSync(folder, { recursive: true });
  return folder;
}

test("a template begins the next session, which is given its words; nothing is overwritten", async () => {
  const at = place();
  mkdirSync(join(at.cwd, ".git"));
  const planned = await ask(at, ["init", "--template", "bugfix", "--memory-file", "--dry-run"]);
  const { path } = planned.data.template.files[0];
  expect(planned).toMatchObject({ code: 0, data: { template: { name: "bugfix", from: null, files: [{ kind: "session", change: "created" }, { path: join(at.cwd, "CLAUDE.md"), kind: "memory", change: "created" }] } } });
  expect([path, join(at.cwd, "CLAUDE.md")].map((each) => existsSync(each))).toEqual([false, false]);
  expect(path.startsWith(join(at.home, "sessions"))).toBe(true);
  writeFileSync(join(at.cwd, "CLAUDE.md"), "mine\n");
  expect((await ask(at, ["init", "--template", "bugfix", "--memory-file"])).data.template.files[1].change).toBe("kept");
  expect(readFileSync(join(at.cwd, "CLAUDE.md"), "utf8")).toBe("mine\n");
  const again = await ask(at, ["init", "--template", "feature"]);
  expect(again).toMatchObject({ code: 1, error: { code: "SESSION_FILE", kind: "user" } });
  writeFileSync(path, readFileSync(path, "utf8").replace(/<!-- What happens.*-->/, "- The list is empty on Mondays"));
  const shown = await ask(at, ["context", "session"]);
  expect(shown).toMatchObject({ code: 0, data: { path, session: null, left_alone: null, text: expect.stringContaining("- next: Reproduce it") } });
  writeFileSync(join(dirname(at.cwd), "start.json"), JSON.stringify({ hook_event_name: "SessionStart", session_id: "one", cwd: at.cwd, source: "startup" }));
  const { out } = await shell(at, "$TIDEMARK hook SessionStart < ../start.json");
  expect(out).toContain("CLAUDE.session.md, Goal: The list is empty on Mondays");
  expect(out).not.toContain("<!--");
  writeFileSync(join(dirname(at.cwd), "prompt.json"), JSON.stringify({ hook_event_name: "UserPromptSubmit", session_id: "one", cwd: at.cwd, prompt: "Find out why the list is empty", prompt_id: "p1" }));
  expect(await shell(at, "$TIDEMARK hook UserPromptSubmit < ../prompt.json && $TIDEMARK drain")).toMatchObject({ code: 0 });
  expect((await ask(at, ["context", "session"])).data).toMatchObject({ session: "one", text: expect.stringMatching(/- The list is empty on Mondays\n[^]*- first asked: “Find out why the list is empty”|- first asked: “Find out why the list is empty”\n[^]*- The list is empty on Mondays\n/) });
  writeFileSync(path, "garbage");
  const left = await ask(at, ["context", "session"]);
  expect(left).toMatchObject({ code: 0, data: { text: null, left_alone: "it has no heading (##) left" }, warnings: [expect.stringContaining("left alone")] });
});

test("a template of the repository is shown as one; names that are not known, and files that are none, are refused", async () => {
  const at = place();
  mkdirSync(join(at.cwd, ".git"));
  const folder = templates(at);
  writeFileSync(join(folder, "spike.md"), "## Goal\n\n- Try\u001b[31m it\n");
  writeFileSync(join(folder, "binary.md"), Buffer.from([35, 35, 32, 0, 255]));
  writeFileSync(join(dirname(at.cwd), "secret.md"), "## secret\n");
  symlinkSync("../../../secret.md", join(folder, "out.md"));
  const unknown = await ask(at, ["init", "--template", "../x"]);
  expect(unknown).toMatchObject({ code: 1, error: { code: "TEMPLATE_UNKNOWN", hint: expect.stringMatching(/feature, bugfix, refactor, research, incident, binary, out, spike/) } });
  for (const name of ["binary", "out"]) expect(await ask(at, ["init", "--template", name])).toMatchObject({ code: 1, error: { code: "TEMPLATE_UNKNOWN", message: expect.stringContaining("cannot be used") } });
  const { code, out } = await tidemark(at, ["init", "--template", "spike"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^\.tidemark\/templates\/spike\.md, as the repository has it:\n/);
  expect(out).not.toContain("\u001b");
  writeFileSync(join(dirname(at.cwd), "start.json"), JSON.stringify({ hook_event_name: "SessionStart", session_id: "one", cwd: at.cwd, source: "startup" }));
  expect((await shell(at, "$TIDEMARK hook SessionStart < ../start.json")).out).toContain("CLAUDE.session.md, from the repository's template .tidemark/templates/spike.md, Goal: Try it");
  expect((await tidemark(at, ["init", "--memory-file"])).code).toBe(1);
});

test("--here puts a link and a line into the tree once that is confirmed, and --away takes both out", async () => {
  const at = place();
  execFileSync("git", ["init", "--quiet"], { cwd: at.cwd });
  const [link, ignore] = [join(at.cwd, "CLAUDE.session.md"), join(at.cwd, ".gitignore")];
  expect(await ask(at, ["context", "session", "--here", "--yes"])).toMatchObject({ code: 1, error: { code: "SESSION_FILE", hint: expect.stringContaining("--template") } });
  await tidemark(at, ["init", "--template", "bugfix"]);
  writeFileSync(ignore, "*.log");
  expect(await ask(at, ["context", "session", "--here"])).toMatchObject({ code: 1, error: { code: "NEEDS_YES", hint: "tidemark context session --here --yes" } });
  expect([existsSync(link), readFileSync(ignore, "utf8")]).toEqual([false, "*.log"]);
  expect(await ask(at, ["context", "session", "--here", "--yes"])).toMatchObject({ code: 0, data: { link, changes: { link: "made", ignore: "added" }, applied: true } });
  expect(readFileSync(ignore, "utf8")).toBe("*.log\n/CLAUDE.session.md\n");
  expect(execFileSync("git", ["status", "--porcelain"], { cwd: at.cwd, encoding: "utf8" })).toBe("?? .gitignore\n");
  // What is written through it is what the state folder has.
  writeFileSync(link, readFileSync(link, "utf8").replace("## Goal\n", "## Goal\n\n- From the tree\n"));
  expect((await ask(at, ["context", "session"])).data.text).toContain("From the tree");
  expect((await tidemark(at, ["context", "session", "--here"])).out).toContain("there already");
  expect(await ask(at, ["context", "session", "--away", "--yes"])).toMatchObject({ code: 0, data: { changes: { link: "taken", ignore: "taken" } } });
  expect([lstatSync(link, { throwIfNoEntry: false }), readFileSync(ignore, "utf8")]).toEqual([undefined, "*.log\n"]);
  expect((await tidemark(at, ["context", "session", "--away"])).out).toContain("not in this tree");
});

test("--here touches no file of the user's own, and needs no line where git ignores it or there is no git", async () => {
  const at = place();
  await tidemark(at, ["init", "--template", "bugfix"]);
  const link = join(at.cwd, "CLAUDE.session.md");
  writeFileSync(link, "mine\n");
  expect(await ask(at, ["context", "session", "--here", "--yes"])).toMatchObject({ code: 1, error: { code: "SESSION_FILE", message: expect.stringContaining("a file of its own") } });
  expect((await ask(at, ["context", "session"])).warnings).toEqual([expect.stringContaining("no link to this one")]);
  expect(readFileSync(link, "utf8")).toBe("mine\n");
  rmSync(link);
  expect(await ask(at, ["context", "session", "--here", "--yes"])).toMatchObject({ code: 0, data: { changes: { link: "made", ignore: "kept" } } });
  expect(existsSync(join(at.cwd, ".gitignore"))).toBe(false);
});
