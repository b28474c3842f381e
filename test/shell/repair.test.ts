/** `doctor --repair` on the built command line: what people and programs are told, and what is on disk afterwards. */
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ask, idOf, inConfig, linesOf, place, shell, tidemark, type Place } from "../helpers.ts";

const NAME = "197 main";
const isCall = (line: string): boolean => line.includes('"type": "tool_use"');
const callAt = linesOf(NAME).findLastIndex(isCall);

/** Ended in the middle of a call, with a broken line before it and a torn one after it. */
function damaged(): { at: Place; path: string; bytes: Buffer } {
  const at = place([NAME]);
  const path = inConfig(at.config, NAME);
  const lines = linesOf(NAME).slice(0, callAt + 1);
  const broken = lines.findIndex(isCall);
  lines[broken] = lines[broken]!.slice(0, 300);
  writeFileSync(path, `${lines.join("\n")}\n{"parentUuid":"5`);
  utimesSync(path, 1_795_000_000, 1_795_000_000);
  return { at, path, bytes: readFileSync(path) };
}

const everything = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

test("a damaged transcript: said in words, nothing of the agent's is touched, and the printed commands do it", async () => {
  const { at, path, bytes } = damaged();
  const before = everything(at.config);
  const { code, out, err } = await tidemark(at, ["doctor", "--repair", "5972f1c9"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(statSync(path).mtimeMs).toBe(1_795_000_000_000);
  expect(everything(at.config)).toEqual(before);
  const [file, ...others] = everything(join(at.home, "repaired"));
  const id = basename(file!, ".jsonl");
  expect([others, statSync(join(at.home, "repaired", file!)).mode & 0o777]).toEqual([[], 0o600]);
  expect(out.replaceAll(id, "NEW").replaceAll(dirname(at.home), "")).toBe(`original     /claude/projects/-tmp-demo/${idOf(NAME)}.jsonl (${callAt + 2} lines; only read)
repaired     /state/repaired/NEW.jsonl

damaged              1
  line 9: left out: not valid JSON
tied anew            1
  line 10: its predecessor is not in the file: now follows line 8
result, no call      1
  line 11: left out: the result of a call that is not in the file
call, no result      1
  line ${callAt + 1}: 1 call without a result: answered that the outcome is unknown
torn at the end      1
  line ${callAt + 2}: left out: the file ends in the middle of a record

${callAt - 1} records of the original kept, byte for byte except sessionId in 28, parentUuid in 1; 1 added.
Next: cp -n /state/repaired/NEW.jsonl /claude/projects/-tmp-demo/NEW.jsonl
      cd /tmp/demo && claude --resume NEW
`);
  const copy = /^Next: (cp .*)$/m.exec(out)![1]!;
  expect((await shell(at, copy)).code).toBe(0);
  expect(await ask(at, ["doctor", "--repair", id])).toMatchObject({ code: 0, data: { sound: true, repaired: null } });
  expect(await ask(at, ["doctor", "--repair", path])).toMatchObject({ data: { repaired: { existed: true, placed: true, commands: [`cd /tmp/demo && claude --resume ${id}`] } } });
  const imported = await ask(at, ["import"]);
  expect(imported.data.quarantined.map(({ file: of }: { file: string }) => of)).toEqual([path, path]);
  const prompts = async (session: string): Promise<string[]> => (await ask(at, ["show", session])).data.turns.map(({ prompt }: { prompt: string }) => prompt);
  expect(await prompts(id)).toEqual(await prompts(idOf(NAME)));
  expect((await ask(at, ["verify"])).data.problems).toEqual([]);
});

test("for programs: one document, each thing that was done with its line", async () => {
  const { at, path } = damaged();
  mkdirSync(join(at.config, "sessions"));
  writeFileSync(join(at.config, `sessions/${process.pid}.json`), JSON.stringify({ pid: process.pid, sessionId: idOf(NAME), cwd: at.cwd, startedAt: Date.now() }));
  const { data, warnings, ...rest } = await ask(at, ["doctor", "--repair", path]);
  expect(rest).toEqual({ code: 0, schema: "tidemark/doctor/1", ok: true });
  expect(warnings).toEqual([expect.stringContaining(`open in process ${process.pid}`)]);
  expect(data).toEqual({
    session: idOf(NAME), original: path, running: process.pid, lines: callAt + 2, sound: false,
    done: expect.arrayContaining([{ kind: "torn", line: callAt + 2, what: "left out: the file ends in the middle of a record" }]),
    counts: { damaged: 1, relinked: 1, orphan: 1, unanswered: 1, torn: 1 }, kept: callAt - 1, added: 1, changed: { sessionId: expect.any(Number), parentUuid: 1 },
    repaired: { session: expect.any(String), path: expect.stringContaining(at.home), existed: false, place: expect.stringContaining(at.config), placed: false, commands: [expect.stringMatching(/^cp -n /), expect.stringMatching(/^cd \/tmp\/demo && claude --resume /)] },
  });
});

test("a sound transcript: nothing is written, exit 0", async () => {
  const at = place([NAME]);
  const { code, out } = await tidemark(at, ["doctor", "--repair", idOf(NAME)]);
  expect({ code, out: out.split("\n")[1] }).toEqual({ code: 0, out: "Sound. Nothing is to be repaired, and nothing was written." });
  expect(everything(dirname(at.home)).filter((name) => name.startsWith("state"))).toEqual([]);
});

test.each([
  ["empty", "", "REPAIR_NOTHING_LEFT", /holds no whole record/, /tidemark sessions/],
  ["binary", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 7, 0, 201, 202, 203, 204]), "NOT_A_TRANSCRIPT", /binary file/, /tidemark import/],
  ["in UTF-16", Buffer.from(`\uFEFF${linesOf(NAME).join("\n")}`, "utf16le"), "NOT_A_TRANSCRIPT", /UTF-16/, /^iconv -f UTF-16 -t UTF-8 .* > copy.jsonl && tidemark doctor --repair copy.jsonl$/],
])("nothing to repair from, the file being %s: the reason and the next command", async (_, bytes, code, message, hint) => {
  const at = place([NAME]);
  writeFileSync(inConfig(at.config, NAME), bytes);
  expect(await ask(at, ["doctor", "--repair", "5972"])).toMatchObject({ code: 1, ok: false, error: { code, kind: "user", message: expect.stringMatching(message), hint: expect.stringMatching(hint) } });
});

test("what iconv makes of UTF-16 is taken, mark and all", async () => {
  const at = place([NAME]);
  const path = inConfig(at.config, NAME);
  writeFileSync(path, Buffer.from(`\uFEFF${linesOf(NAME).join("\n")}\n`, "utf16le"));
  const { error } = await ask(at, ["doctor", "--repair", "5972"]);
  const converted = await shell(at, error!.hint.split(" && ")[0]!);
  // Without iconv on the machine there is nothing to show.
  if (converted.code === 127) return;
  const { data } = await ask(at, ["doctor", "--repair", "copy.jsonl"]);
  expect(data).toMatchObject({ session: idOf(NAME), lines: 60, kept: 60 });
});

test("words that match nothing, and none at all", async () => {
  const at = place([NAME]);
  expect(await ask(at, ["doctor", "--repair", "nonesuch"])).toMatchObject({ code: 1, error: { code: "NO_SESSIONS" } });
  await ask(at, ["import"]);
  expect(await ask(at, ["doctor", "--repair", "nonesuch"])).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
  expect(await tidemark(at, ["doctor", "--repair"])).toMatchObject({ code: 2, err: expect.stringContaining("argument missing") });
});
