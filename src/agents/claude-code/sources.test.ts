/** Where the agent keeps what it remembers. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aboutTranscript, cleanupDays, findTranscripts, parseHistoryLine, resumeCommand } from "./sources.ts";

let root = "";
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "tidemark-sources-"))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(name: string, content = "x"): string {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const found = async (at = root): Promise<string[]> => (await findTranscripts(at)).files.map(({ path }) => path.slice(root.length + 1));

describe("transcripts", () => {
  test("are found at any depth, a session's before those of its subagents, and nothing else is", async () => {
    for (const name of ["a/s1.jsonl", "a/s1/subagents/agent-x.jsonl", "a/s1/subagents/agent-x.meta.json", "a/s1/tool-results/out.txt", "a/s2.jsonl", "b/s3.jsonl", "notes.md"]) put(name);
    expect(await found()).toEqual(["a/s1.jsonl", "a/s2.jsonl", "a/s1/subagents/agent-x.jsonl", "b/s3.jsonl"]);
  });

  test("named as a file are taken whatever they are called; a link to a folder is not followed", async () => {
    put("a/log.txt");
    symlinkSync(root, join(root, "a/round.jsonl"));
    symlinkSync(root, join(root, "a/loop"));
    expect(await found(join(root, "a/log.txt"))).toEqual(["a/log.txt"]);
    expect(await found(join(root, "a/loop"))).toEqual(expect.any(Array));
  });

  test("below a folder that is not there are refused with the path; a link that leads nowhere is named", async () => {
    await expect(findTranscripts(join(root, "none"))).rejects.toMatchObject({ code: "PATH_MISSING", message: expect.stringContaining(join(root, "none")) });
    symlinkSync(join(root, "gone"), join(root, "dead.jsonl"));
    expect((await findTranscripts(root)).refused).toEqual([{ path: join(root, "dead.jsonl"), reason: "cannot be read (ENOENT)" }]);
  });

  test("say by their name which session they are, or by their neighbour which subagent", async () => {
    const id = "abad1dea-0000-4000-8000-000000000001";
    expect(await aboutTranscript(`/x/${id}.jsonl`)).toEqual({ session: id });
    const sub = put("agent-7.jsonl");
    expect(await aboutTranscript(sub)).toEqual({});
    put("agent-7.meta.json", '{"agentType":"Explore","description":"Look","toolUseId":"t1","spawnDepth":1}');
    expect(await aboutTranscript(sub)).toEqual({ subagent: { kind: "Explore", description: "Look", call: "t1" } });
    put("agent-7.meta.json", '{"agentType":');
    expect(await aboutTranscript(sub)).toEqual({});
  });
});

test("the agent's clean-up is after thirty days unless its settings say otherwise, the local ones first", async () => {
  expect(await cleanupDays(root)).toBe(30);
  put("settings.json", '{"cleanupPeriodDays": 99}');
  expect(await cleanupDays(root)).toBe(99);
  put("settings.local.json", '{"cleanupPeriodDays": 7}');
  expect(await cleanupDays(root)).toBe(7);
  put("settings.local.json", "{");
  await expect(cleanupDays(root)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE", message: expect.stringContaining("settings.local.json") });
});

describe("a line of the prompt history", () => {
  const line = { display: "fix [Pasted text #1 +3 lines] and [Pasted text #12 +2 lines]", timestamp: 1767600000123.7, project: "/app", sessionId: "s" };

  test("gives words, time, project and session, with pasted text in its place", () => {
    const pastedContents = { 1: { content: "A $& B" }, 12: { content: "C" } };
    expect(parseHistoryLine({ ...line, pastedContents })).toEqual({ text: "fix A $& B and C", time: 1767600000123, project: "/app", session: "s" });
  });

  test("of before sessions were noted gives none", () => {
    expect(parseHistoryLine({ display: "x", timestamp: 1 })).toEqual({ text: "x", time: 1, project: "" });
  });

  test.each([[null], ["x"], [{}], [{ display: 7, timestamp: 1 }], [{ display: "x" }], [{ display: "x", timestamp: "1" }], [{ display: "x", timestamp: Number.NaN }]])("of another shape gives nothing: %j", (value) => {
    expect(parseHistoryLine(value)).toBeUndefined();
  });
});

test("the command for going on can be pasted into a shell, whatever the folder is called", () => {
  expect(resumeCommand("s1", "/home/me/app-1.2")).toBe("cd /home/me/app-1.2 && claude --resume s1");
  expect(resumeCommand("s1", "/a b/it's $HOME; rm")).toBe(`cd '/a b/it'\\''s $HOME; rm' && claude --resume s1`);
});
