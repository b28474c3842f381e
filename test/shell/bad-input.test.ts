/**
 * Files that are no transcripts, stores that are no stores, and words that are meant to do harm: each gets a clear error
 * with the next command to type, or is set aside by name, and nothing around it is lost.
 */
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, ftruncateSync, mkdirSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { ask, idOf, inConfig, linesOf, place, putTranscript, shell, tidemark, transcript, type Name, type Place } from "../helpers.ts";

const ID = "abad1dea-0000-4000-8000-000000000001";
const own = (at: Place, name = `${ID}.jsonl`): string => join(at.config, "projects/-nowhere-app", name);
const words = (text: unknown, n = 1): object => ({ type: "user", uuid: `u${n}`, parentUuid: n === 1 ? null : `u${n - 1}`, sessionId: ID, cwd: "/nowhere/app", timestamp: new Date(Date.UTC(2026, 10, 30, 10, n)).toISOString(), message: { role: "user", content: text } });
const line = (text: unknown, n = 1): string => `${JSON.stringify(words(text, n))}\n`;

function put(path: string, bytes: string | Uint8Array): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

/** Zeros to the wanted size without writing them. */
function sparse(path: string, head: string, size: number): string {
  put(path, head);
  const file = openSync(path, "r+");
  ftruncateSync(file, size);
  closeSync(file);
  return path;
}

const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le");

describe("a file that is no transcript", () => {
  const cases: readonly [string, (at: Place) => string, RegExp][] = [
    ["a binary file", (at) => put(own(at), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 9, 0, 7, 0, 0, 0, 0, 3, 0, 62, 0, 1, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210])), /it is a binary file/],
    ["UTF-16 with a mark", (at) => put(own(at), Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(line("hello"))])), /it is UTF-16; save it as UTF-8/],
    ["UTF-16 without one", (at) => put(own(at), utf16(line("hello"))), /it looks like UTF-16 without a mark/],
    ["UTF-16, the other byte first", (at) => put(own(at), utf16(line("hello")).swap16()), /it looks like UTF-16 without a mark/],
    ["300 MB of zeros", (at) => sparse(own(at), "", 300 * 1024 * 1024), /it is a binary file/],
    ["plain text", (at) => put(own(at), "Dear diary,\ntoday I wrote no JSON.\n"), /damaged: not valid JSON/],
    ["JSON of another kind", (at) => put(own(at), "[1,2,3]\n42\n\"words\"\n"), /not a JSON object/],
  ];

  test.each(cases)("%s: named, it is refused with the reason; among others, it is set aside and they load", async (_, make, reason) => {
    const at = place(["197 typed"]);
    const path = make(at);
    const [named, among] = await Promise.all([ask({ ...at, env: { ...at.env, TIDEMARK_HOME: `${at.home}-2` } }, ["import", path]), ask(at, ["import"])]);
    expect(named).toMatchObject({ code: 1, ok: false, error: { code: "NOT_A_TRANSCRIPT", kind: "user", message: expect.stringMatching(reason), hint: expect.stringContaining("tidemark import") } });
    expect(among).toMatchObject({ code: 0, ok: true, data: { files: 2 } });
    expect(among.data.quarantined.length).toBeGreaterThan(0);
    for (const each of among.data.quarantined) expect(each).toEqual({ file: path, line: expect.any(Number), reason: expect.stringMatching(reason) });
    expect((await ask(at, ["sessions"])).data.map(({ id }: { id: string }) => id)).toEqual([idOf("197 typed")]);
  });

  test("an empty file is a transcript with nothing in it", async () => {
    const at = place();
    const path = put(own(at), "");
    expect(await ask(at, ["import", path])).toMatchObject({ code: 0, data: { files: 1, lines: 0, quarantined: [] } });
  });

  test("a folder named like a transcript is looked into and hides nothing", async () => {
    const at = place(["197 typed"]);
    mkdirSync(own(at), { recursive: true });
    expect(await ask(at, ["import"])).toMatchObject({ code: 0, data: { files: 1, quarantined: [] } });
    expect(await ask(at, ["import", own(at)])).toMatchObject({ code: 0, data: { files: 0 } });
    put(join(own(at), `${ID}.jsonl`), line("inside"));
    expect(await ask(at, ["import"])).toMatchObject({ code: 0, data: { files: 2, added: 2 } });
  });

  test.runIf(process.platform === "linux")("a pipe is refused, not waited for", async () => {
    const at = place();
    put(own(at, "x"), "");
    spawnSync("mkfifo", [own(at)]);
    expect(await ask(at, ["import", own(at)])).toMatchObject({ code: 0, data: { files: 0, quarantined: [{ reason: "neither a file nor a folder" }] } });
  });
});

describe("a transcript with something wrong in it still gives the rest", () => {
  const imported = async (bytes: string | Uint8Array): Promise<{ at: Place; data: any; prompts: string[] }> => {
    const at = place();
    put(own(at), bytes);
    const { code, data } = await ask(at, ["import"]);
    expect(code).toBe(0);
    expect(data.accounted).toBe(data.lines);
    const [shown, verified] = await Promise.all([ask(at, ["show", ID]), ask(at, ["verify"])]);
    expect(verified.data.problems).toEqual([]);
    return { at, data, prompts: [...shown.data.turns].map(({ prompt }: { prompt: string }) => prompt) };
  };

  test("a byte order mark and CRLF line ends", async () => {
    const { data, prompts } = await imported(`\uFEFF${line("one", 1)}${line("two", 2)}`.replaceAll("\n", "\r\n"));
    expect([prompts, data.quarantined]).toEqual([["one", "two"], []]);
  });

  test("a half-written last line", async () => {
    const { data, prompts } = await imported(`${line("one", 1)}${line("two", 2)}${line("three", 3).slice(0, 50)}`);
    expect([prompts, data.quarantined]).toEqual([["one", "two"], [{ file: expect.any(String), line: 3, reason: "torn: the file ends in the middle of a record" }]]);
  });

  test("bytes that are not UTF-8", async () => {
    const { data, prompts } = await imported(Buffer.concat([Buffer.from(line("one", 1)), Buffer.from(line("caf\u00e9", 2), "latin1"), Buffer.from(line("three", 3))]));
    expect(prompts).toEqual(["one", "caf\uFFFD", "three"]);
    expect(data.quarantined).toEqual([{ file: expect.any(String), line: 2, reason: "not UTF-8 in places; loaded with those replaced" }]);
  });

  test("a block of NULs, as a power cut leaves, in the middle and at the end of a short file", async () => {
    const hole = Buffer.alloc(700);
    const { data, prompts } = await imported(Buffer.concat([Buffer.from(line("one", 1)), hole, Buffer.from(`\n${line("two", 2)}${line("three", 3)}`), hole, hole]));
    expect(prompts).toEqual(["one", "two", "three"]);
    expect(data.quarantined.map(({ line: n }: { line: number }) => n)).toEqual([2, 5]);
  });

  test("NUL, half a surrogate pair and every control character in the words", async () => {
    const wild = `a\u0000b\ud800c${String.fromCharCode(...Array.from({ length: 31 }, (_, i) => i + 1))}\u007f\u009b`;
    const { data, prompts } = await imported(`${line(wild, 1)}${line("two", 2)}`);
    expect(data.quarantined).toEqual([]);
    expect(prompts).toEqual([wild, "two"]);
  });

  test("a line of 2 MB is kept whole; one of 70 MB is named and passed over", async () => {
    const long = "lorem ipsum ".repeat(175_000);
    const { data, prompts } = await imported(`${line("one", 1)}${line(long, 2)}{"type":"user","uuid":"${" ".repeat(70_000_000)}"}\n${line("after", 3)}`);
    expect(prompts.map((prompt) => prompt.length)).toEqual([3, long.length, 5]);
    expect(data.quarantined).toEqual([{ file: expect.any(String), line: 3, reason: "longer than 64 MiB" }]);
  });

  test("400 MB of zeros after good lines are read in little memory", async () => {
    const at = place();
    sparse(own(at), `${line("one", 1)}${line("two", 2)}${" ".repeat(5000)}`, 400 * 1024 * 1024);
    const report = `data:text/javascript,process.on("exit",()=>process.stderr.write("MB "+process.resourceUsage().maxRSS/1024))`;
    const { code, out, err } = await tidemark(at, ["import", "--json"], { node: ["--import", report] });
    expect({ code, quarantined: JSON.parse(out).data.quarantined }).toEqual({ code: 0, quarantined: [{ file: own(at), line: 3, reason: "longer than 64 MiB" }] });
    expect(Number(err.replace("MB ", ""))).toBeLessThan(350);
    expect((await ask(at, ["show", ID])).data.turns).toHaveLength(2);
  });

  test("a clock that goes backwards does not turn the story round", async () => {
    const back = (n: number): string => JSON.stringify({ ...words(`word ${n}`, n), timestamp: new Date(Date.UTC(2026, 10, 30, 10, 60 - n * 10)).toISOString() });
    const { at, prompts } = await imported(`${[1, 2, 3, 4].map(back).join("\n")}\n`);
    expect(prompts).toEqual(["word 1", "word 2", "word 3", "word 4"]);
    const [{ started, ended }] = (await ask(at, ["sessions"])).data;
    expect(started <= ended, `${started} to ${ended}`).toBe(true);
    expect((await ask(at, ["resume", ID])).code).toBe(0);
  });

  test("times that are none, or beyond all calendars", async () => {
    const at = (n: number, timestamp: unknown): string => JSON.stringify({ ...words(`word ${n}`, n), timestamp });
    const { prompts } = await imported(`${[at(1, "2026-11-30T10:00:00Z"), at(2, "yesterday"), at(3, 17), at(4, "+275760-09-13T00:00:00.001Z"), at(5, "0000-01-01T00:00:00Z")].join("\n")}\n`);
    expect(prompts).toEqual([1, 2, 3, 4, 5].map((n) => `word ${n}`));
  });

  test("members named __proto__, constructor and $object, in records, inputs and results", async () => {
    const call = (n: number): string => `{"type":"assistant","uuid":"a${n}","parentUuid":"u1","sessionId":"${ID}","timestamp":"2026-11-30T10:05:00Z","__proto__":{"type":"user"},"message":{"id":"m${n}","content":[{"type":"tool_use","id":"t${n}","name":"Bash","input":{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"$object":"00ff","$$object":1,"command":"ls"}}]}}`;
    const { at } = await imported(`${line("one", 1)}${call(1)}\n`);
    const exported = (await tidemark(at, ["export", ID])).out.split("\n").find((each) => each.includes('"tool.called"'))!;
    // Written as text: in an object literal __proto__ would be the prototype itself.
    expect(exported).toContain('"input":{"$$object":1,"$object":"00ff","__proto__":{"polluted":"yes"},"command":"ls","constructor":{"prototype":{"polluted":"yes"}}}');
    expect((await ask(at, ["show", ID])).data.turns).toHaveLength(1);
  });

  test("JSON nested a hundred thousand deep", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const call = `{"type":"assistant","uuid":"a1","parentUuid":"u1","sessionId":"${ID}","timestamp":"2026-11-30T10:01:30Z","message":{"id":"m1","content":[{"type":"tool_use","id":"t1","name":"X","input":{"deep":${deep}}}]}}\n`;
    const unknown = `{"type":"from-the-future","uuid":"f1","sessionId":"${ID}","timestamp":"2026-11-30T10:01:40Z","deep":${deep}}\n`;
    const { data, prompts } = await imported(`${line("one", 1)}${call}${unknown}${line("two", 2)}`);
    expect(prompts).toEqual(["one", "two"]);
    expect(data.quarantined.map(({ line: n }: { line: number }) => n)).toEqual([2, 3]);
  });
});

describe("words that are meant for the terminal", () => {
  test("never reach it: no escape, no control character, no turned direction", async () => {
    const at = place();
    const evil = "\u001b]0;owned\u0007\u001b[2J\u001b[31mred\u009b31m\r\nover\u202Etxet\u2066 end\u0008\u0008\u001b]8;;http://evil\u0007link\u001b]8;;\u0007";
    const answer = (n: number, block: object): object => ({ type: "assistant", uuid: `a${n}`, parentUuid: "u1", sessionId: ID, timestamp: "2026-11-30T10:05:00Z", message: { id: `m${n}`, model: `model ${evil}`, content: [block] } });
    putTranscript(own(at), [
      { ...words(`please ${evil}`), gitBranch: `branch ${evil}`, cwd: `/nowhere/app ${evil}` },
      answer(1, { type: "text", text: `I always use ${evil} because of ${evil}?` }),
      answer(2, { type: "tool_use", id: "t1", name: `Bash ${evil}`, input: { command: `ls ${evil}` } }),
      { ...words("x", 9), parentUuid: "a2", message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", is_error: true, content: `output ${evil}` }] } },
      answer(3, { type: "tool_use", id: "t2", name: "TodoWrite", input: { todos: [{ content: `todo ${evil}`, status: "pending" }] } }),
      answer(4, { type: "tool_use", id: "t3", name: "Edit", input: { file_path: `/nowhere/app/${evil}` } }),
      { type: "custom-title", customTitle: `title ${evil}`, sessionId: ID },
      `broken ${evil}`,
    ]);
    const commands = [["import"], ["sessions"], ["sessions", "--tree"], ["show", ID], ["show", ID, "--turn", "1"], ["search", "please"], ["search", "output"], ["resume", ID], ["export", ID, "--format", "md"], ["forget", "--matching", "please"], ["show", `abad ${evil}`], ["verify"], ["doctor"]];
    const [imported, ...rest] = commands;
    const outcomes = [await tidemark(at, imported!), ...(await Promise.all(rest.map((args) => tidemark(at, args))))];
    // eslint-disable-next-line no-control-regex
    for (const [i, { out, err }] of outcomes.entries()) expect((out + err).match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g), commands[i]!.join(" ")).toBeNull();
    const json = await tidemark(at, ["show", ID, "--json"]);
    expect(JSON.parse(json.out).data.turns[0].prompt).toBe(`please ${evil}`);
  });
});

describe("a state folder that cannot be used", () => {
  const refused = { code: 1, error: { code: "HOME_UNWRITABLE", kind: "environment", hint: expect.stringContaining("TIDEMARK_HOME") } };

  test("because it is a file, or below one", async () => {
    const at = place(["197 typed"]);
    writeFileSync(at.home, "mine");
    for (const home of [at.home, join(at.home, "below")]) expect(await ask({ ...at, env: { ...at.env, TIDEMARK_HOME: home } }, ["import"])).toMatchObject(refused);
    expect(readFileSync(at.home, "utf8")).toBe("mine");
  });

  test("because it is read-only, new or filled: nothing is half-written", async (context) => {
    const at = place(["197 typed"]);
    const freeze = (path: string): boolean => spawnSync("chattr", ["+i", path]).status === 0;
    const thaw = (path: string): void => void spawnSync("chattr", ["-i", path]);
    const empty = join(at.home, "../empty");
    mkdirSync(empty);
    if (!freeze(empty)) {
      console.warn("NOT TESTED: a read-only state folder; chattr +i is not possible here, and root may write everywhere else");
      context.skip();
    }
    onTestFinished(() => thaw(empty));
    expect(await ask({ ...at, env: { ...at.env, TIDEMARK_HOME: empty } }, ["import"])).toMatchObject(refused);
    await ask(at, ["import"]);
    const before = (await ask(at, ["verify"])).data;
    for (const name of ["log.db", "objects.db", ""]) freeze(join(at.home, name));
    onTestFinished(() => ["", "log.db", "objects.db"].forEach((name) => thaw(join(at.home, name))));
    putTranscript(own(at), [words("something new")]);
    expect(await ask(at, ["import"])).toMatchObject(refused);
    ["", "log.db", "objects.db"].forEach((name) => thaw(join(at.home, name)));
    expect((await ask(at, ["verify"])).data).toEqual(before);
    expect(await ask(at, ["import"])).toMatchObject({ code: 0, data: { added: 2 } });
  });

  test("because a newer version wrote it: it is left alone, byte for byte", async () => {
    for (const name of ["log.db", "objects.db"]) {
      const at = place(["197 typed"]);
      await ask(at, ["import"]);
      const database = openDatabase(join(at.home, name));
      database.exec("PRAGMA user_version = 99");
      database.close();
      const before = readFileSync(join(at.home, name));
      const answers = await Promise.all(["import", "sessions", "doctor"].map((command) => ask(at, [command])));
      for (const answer of answers) expect(answer, `${answer.schema} with a newer ${name}`).toMatchObject({ code: 1, error: { code: "STORE_NEWER", kind: "environment", message: expect.stringContaining("has schema 99"), hint: "npm install -g tidemark@latest" } });
      expect(readFileSync(join(at.home, name)).equals(before)).toBe(true);
    }
  });

  test.each(["log.db", "objects.db"])("because its %s is garbage: that is said, with what to do, and the file is not overwritten", async (name) => {
    const at = place(["197 typed"]);
    await ask(at, ["import"]);
    const garbage = Buffer.from("this was a database once ".repeat(400));
    writeFileSync(join(at.home, name), garbage);
    for (const { code, error, schema } of await Promise.all(["sessions", "import", "verify"].map((command) => ask(at, [command])))) {
      expect({ code, error }, schema).toMatchObject({ code: 70, error: { code: "STORE_DAMAGED", kind: "internal", message: expect.stringContaining(name), hint: expect.stringMatching(/^mv .+state .+state\.damaged, then tidemark import$/) } });
    }
    expect(readFileSync(join(at.home, name)).equals(garbage)).toBe(true);
  });

  test("because half of its log.db is gone: reading fails with a code or a list of problems, never silently", async () => {
    const at = place(["error handling", "197 main"]);
    await ask(at, ["import"]);
    const path = join(at.home, "log.db");
    truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096);
    const verified = await ask(at, ["verify"]);
    expect([1, 70]).toContain(verified.code);
    expect(verified.error?.code === "STORE_DAMAGED" || verified.data.problems.length > 0).toBe(true);
  });
});

test("a file that disappears, or turns into a folder, between two imports loses nothing", async () => {
  const at = place(["197 main", "197 typed"]);
  await ask(at, ["import"]);
  const before = (await ask(at, ["sessions"])).data;
  spawnSync("rm", [inConfig(at.config, "197 typed")]);
  mkdirSync(inConfig(at.config, "197 typed"));
  expect(await ask(at, ["import"])).toMatchObject({ code: 0, data: { added: 0, files: 2 } });
  expect((await ask(at, ["sessions"])).data).toEqual(before);
});

test("a transcript that gets shorter and is written anew under its name keeps what was there before", async () => {
  const at = place(["197 main"]);
  await ask(at, ["import"]);
  copyFileSync(transcript("197 typed" satisfies Name), inConfig(at.config, "197 main"));
  await ask(at, ["import"]);
  const { data } = await ask(at, ["search", "friendlier", "--role", "user"]);
  expect(data.hits).toHaveLength(1);
  expect(linesOf("197 main").length).toBeGreaterThan(0);
});

test("two imports of a file that grows meanwhile lose no line", async () => {
  const at = place();
  put(own(at), line("word 1", 1));
  const file = openSync(own(at), "a");
  for (let n = 2; n <= 6; n++) {
    const whole = line(`word ${n}`, n);
    writeSync(file, whole.slice(0, 40));
    await ask(at, ["import"]);
    writeSync(file, whole.slice(40));
  }
  closeSync(file);
  await ask(at, ["import"]);
  expect((await ask(at, ["show", ID])).data.turns.map(({ prompt }: { prompt: string }) => prompt)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `word ${n}`));
  expect((await shell(at, "ls -A $TIDEMARK_HOME")).out.split("\n").filter((name) => !/^(log|objects)\.db(-wal|-shm)?$/.test(name))).toEqual([""]);
});
