/** The suite on SQLite, where a place is a folder, and what only a store on disk can get wrong. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { brotliCompressSync, constants } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../base/hash.ts";
import type { State } from "../../checkpoint/model.ts";
import { collectAll, describeCheckpointStore, edits, file, HOUR, seal, textOf } from "../checkpoints.suite.ts";
import type { CheckpointStore } from "../checkpoints.ts";
import { openCheckpointStore } from "./checkpoints.ts";
import { encodeWhole } from "./contents.ts";
import { openDatabase, type SqlValue } from "./driver.ts";

describeCheckpointStore("sqlite", () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-checkpoints-"));
  return { open: () => openCheckpointStore(folder), remove: () => rmSync(folder, { recursive: true }) };
});

const LARGE = 1 << 20;
const TREE = "/work/app";

describe("checkpoints on disk", () => {
  let folder = "";
  let stores: CheckpointStore[] = [];
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "tidemark-disk-"))));
  afterEach(() => {
    for (const store of stores) store.close();
    stores = [];
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (): CheckpointStore => {
    const store = openCheckpointStore(folder);
    stores.push(store);
    return store;
  };
  const allFiles = (): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  const holding = (bytes: Uint8Array | string): string[] => allFiles().filter((path) => readFileSync(path).includes(Buffer.from(bytes)));
  const largePath = (content: string): string => join(folder, "files", content.slice(7, 9), content.slice(7));
  const sql = (text: string, ...values: SqlValue[]): unknown[] => {
    const database = openDatabase(join(folder, "checkpoints.db"));
    try {
      return database.prepare(text).all(...values);
    } finally {
      database.close();
    }
  };
  /** About 5 KiB of code, each version another line edited. */
  const versions = (n: number): string[] => {
    const lines = Array.from({ length: 120 }, (_, i) => `  const value${i} = compute(${(i * 7919) % 101}, "${(i * 2654435761).toString(16)}");`);
    return Array.from({ length: n }, (_, i) => {
      lines[(i * 37) % 120] = `  const value${i} = changed(${i}, "${(i * 40503).toString(36)}");`;
      return lines.join("\n");
    });
  };

  test("what was forgotten stands in none of the files, plain or as it was stored, while a second handle is open", () => {
    const [store, other] = [open(), open()];
    const plain = "k=zyzzogeton-8812"; // too short to be packed
    const packed = "the passphrase is xylotomy; ".repeat(80);
    const large = Buffer.alloc(LARGE, "mySplendidSecret ");
    const stored = encodeWhole(Buffer.from(packed))[1];
    expect(Buffer.from(stored).equals(brotliCompressSync(packed, { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 12, [constants.BROTLI_PARAM_SIZE_HINT]: packed.length } }))).toBe(true);
    edits(store, "filler", versions(50));
    const secrets = [plain, packed, large.toString(), `${packed} and more`];
    edits(store, ".env", secrets);
    edits(store, "filler", versions(60));
    const shown = [plain, stored, "mySplendidSecret"];
    for (const bytes of shown) expect(holding(bytes)).not.toEqual([]);
    // The last but one is a delta by then.
    collectAll(store);
    for (const bytes of [plain, "mySplendidSecret"]) expect(holding(bytes)).not.toEqual([]);
    other.checkpoints(TREE);
    expect(store.forgetPath(TREE, ".env")).toBe(4);
    for (const bytes of [...shown, encodeWhole(Buffer.from(secrets[3]!))[1]]) expect(holding(bytes)).toEqual([]);
    expect(holding(TREE)).not.toEqual([]);
    expect(other.check()).toEqual([]);
  });

  test("forgetting says so while another process keeps old pages, and can be repeated", () => {
    const store = open();
    edits(store, ".env", ["k=zyzzogeton-8812", "k=other"]);
    const reader = openDatabase(join(folder, "checkpoints.db"));
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM content").get();
    expect(() => store.forgetPath(TREE, ".env")).toThrow(expect.objectContaining({ code: "STORE_BUSY" }));
    reader.exec("COMMIT");
    reader.close();
    expect(store.forgetPath(TREE, ".env")).toBe(0);
    expect(holding("zyzzogeton")).toEqual([]);
  });

  test("forgetting within a transaction that fails takes nothing away", () => {
    const store = open();
    const large = file(store, Buffer.alloc(LARGE, "x"));
    seal(store, [{ path: "x", before: "absent", after: large }]);
    expect(() =>
      store.write(() => {
        store.forgetPath(TREE, "x");
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(store.content(large.content)).toHaveLength(LARGE);
    store.write(() => store.forgetPath(TREE, "x"));
    expect(existsSync(largePath(large.content))).toBe(false);
  });

  test("a flipped byte is noticed at reading, in the database, in a file and in what rests on it", () => {
    const store = open();
    edits(store, "x", versions(5));
    const large = file(store, Buffer.alloc(LARGE, "x"));
    seal(store, [{ path: "large", before: "absent", after: large }]);
    collectAll(store);
    const contents = store.changesAfter(TREE, 0, "x").map(({ after }) => after);
    const newest = contents[4]! as { content: string };
    const part = "(SELECT id * 2048 FROM content WHERE name = ?)";
    const name = Buffer.from(newest.content.slice(7), "hex");
    const [{ bytes: body }] = sql(`SELECT bytes FROM part WHERE id = ${part}`, name) as [{ bytes: Uint8Array }];
    body[body.length >> 1]! ^= 1;
    sql(`UPDATE part SET bytes = ? WHERE id = ${part}`, body, name);
    const bytes = readFileSync(largePath(large.content));
    bytes[77]! ^= 1;
    writeFileSync(largePath(large.content), bytes);
    for (const state of [...contents, large]) expect(() => textOf(store, state)).toThrow(expect.objectContaining({ code: "OBJECT_DAMAGED", kind: "environment" }));
    const problems = store.check();
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["OBJECT_CHANGED"]));
    expect(problems.map(({ where }) => where).sort()).toEqual([...contents, large].map((state) => `content ${(state as { content: string }).content.slice(7, 19)}`).sort());
    // Collecting goes on around it.
    store.drop([5]);
    collectAll(store);
    expect(store.check().length).toBeGreaterThan(0);
  });

  test("a large file that is gone or cut short is absent, named, and healed by putting it again", () => {
    const store = open();
    const bytes = Buffer.alloc(LARGE, "x");
    const large = file(store, bytes);
    const { seq } = seal(store, [{ path: "large", before: "absent", after: large }]);
    rmSync(largePath(large.content));
    expect([store.content(large.content), store.has(large.content)]).toEqual([undefined, false]);
    expect(store.check().map(({ code, where }) => [code, where])).toEqual([["OBJECT_MISSING", `content ${large.content.slice(7, 19)}`], ["OBJECT_MISSING", `checkpoint ${seq}`]]);
    expect(() => seal(store, [{ path: "copy", before: "absent", after: large }])).toThrow("was not put");
    store.put(bytes);
    expect(store.check()).toEqual([]);
    truncateSync(largePath(large.content), 5);
    expect(store.has(large.content)).toBe(false);
    expect(() => store.content(large.content)).toThrow(expect.objectContaining({ code: "OBJECT_DAMAGED" }));
    store.put(bytes);
    expect(store.check()).toEqual([]);
  });

  test("a checkpoint that was changed is named, and one that refers to nothing", () => {
    const store = open();
    const [one, two, three] = edits(store, "x", ["1", "2", "3"]);
    const four = seal(store, [{ path: "gone", before: "absent", after: file(store, "4") }]);
    sql("UPDATE checkpoint SET time = time + 1 WHERE seq = ?", one!.seq);
    sql("UPDATE change SET after = after + 4 WHERE id >> 20 = ?", two!.seq);
    sql("UPDATE checkpoint SET body = '{' WHERE seq = ?", three!.seq);
    sql("DELETE FROM content WHERE id = (SELECT after_content FROM change WHERE id >> 20 = ?)", four.seq);
    expect(store.check().map(({ code, where }) => [code, where])).toEqual([
      ["CHECKPOINT_CHANGED", `checkpoint ${one!.seq}`],
      ["CHECKPOINT_CHANGED", `checkpoint ${two!.seq}`],
      ["CHECKPOINT_CHANGED", `checkpoint ${three!.seq}`],
      ["OBJECT_MISSING", `checkpoint ${four.seq}`],
    ]);
    expect(() => store.checkpoints(TREE)).toThrow(expect.objectContaining({ code: "STORE_DAMAGED" }));
  });

  test("a file that is no database is refused as damaged", () => {
    writeFileSync(join(folder, "checkpoints.db"), "this is not a database, but long enough to look at".repeat(100));
    expect(() => openCheckpointStore(folder)).toThrow(expect.objectContaining({ code: "STORE_DAMAGED", hint: expect.stringContaining("checkpoints.db") }));
  });

  test.runIf(process.platform !== "win32")("everything is for its owner alone, also a copy of what was open to all", () => {
    const source = join(folder, "source");
    writeFileSync(source, Buffer.alloc(LARGE, "x"), { mode: 0o666 });
    chmodSync(source, 0o4777);
    const home = join(folder, "home");
    const store = openCheckpointStore(home);
    stores.push(store);
    const [copied, put] = [store.putFile(source)!, store.put(Buffer.alloc(LARGE, "y"))];
    store.sync();
    for (const path of ["checkpoints.db", "checkpoints.db-wal", ...[copied, put].map((id) => `files/${id.slice(7, 9)}/${id.slice(7)}`)]) expect(statSync(join(home, path)).mode & 0o7777, path).toBe(0o600);
    for (const path of ["", "files", `files/${put.slice(7, 9)}`]) expect(statSync(join(home, path)).mode & 0o777, path).toBe(0o700);
  });

  test("large files are synced once, whoever put them", () => {
    const [store, other] = [open(), open()];
    store.put(Buffer.alloc(LARGE, "x"));
    const waiting = (): unknown => sql("SELECT count(*) AS n FROM content WHERE form = 3")[0];
    expect(waiting()).toEqual({ n: 1 });
    other.write(() => {
      other.sync();
      expect(waiting()).toEqual({ n: 1 });
    });
    expect(waiting()).toEqual({ n: 0 });
    store.put(Buffer.alloc(LARGE, "x"));
    expect(waiting()).toEqual({ n: 0 });
  });

  test("a file that is being written is put as it stood at one moment or not at all", async () => {
    const store = open();
    const path = join(folder, "busy");
    writeFileSync(path, Buffer.alloc(2 * LARGE));
    const writer = new Worker(
      `const { openSync, writeSync } = require("node:fs");
       const fd = openSync(${JSON.stringify(path)}, "r+");
       const sleeper = new Int32Array(new SharedArrayBuffer(4));
       for (let n = 1; ; n++) {
         for (let at = 0; at < ${2 * LARGE}; at += 65536) writeSync(fd, Buffer.alloc(65536, n), 0, 65536, at);
         Atomics.wait(sleeper, 0, 0, n % 5 === 0 ? 40 : 1);
       }`,
      { eval: true },
    );
    try {
      const outcomes = { whole: 0, none: 0 };
      for (let i = 0; (i < 40 || outcomes.whole === 0 || outcomes.none === 0) && i < 1000; i++) {
        const id = store.putFile(path);
        outcomes[id === undefined ? "none" : "whole"]++;
        if (id === undefined) continue;
        // As it stood at one moment: one version, or, where the writer was held up, the next one up to some place.
        const content = store.content(id)!;
        const values = [...new Set(Array.from({ length: (2 * LARGE) / 4096 }, (_, n) => content[n * 4096]!))];
        expect(values.length, values.join()).toBeLessThanOrEqual(2);
        expect([0, 1], values.join()).toContain((values[0]! - values.at(-1)! + 256) % 256);
      }
      expect(outcomes.none).toBeGreaterThan(0);
      expect(outcomes.whole).toBeGreaterThan(0);
    } finally {
      await writer.terminate();
    }
    expect(readdirSync(join(folder, "files")).filter((name) => name.startsWith("temp-"))).toEqual([]);
  });

  test("temporary files of killed processes go when they are old, and files whose row was rolled back", () => {
    const store = open();
    const kept = store.put(Buffer.alloc(LARGE, "kept"));
    expect(() =>
      store.write(() => {
        store.put(Buffer.alloc(LARGE, "rolled back"));
        throw new Error("no");
      }),
    ).toThrow("no");
    const now = 1_700_000_000_000;
    const [old, young] = ["temp-old", "temp-young"].map((name) => join(folder, "files", name)) as [string, string];
    for (const [path, age] of [[old, HOUR + 1000], [young, HOUR - 1000]] as const) {
      writeFileSync(path, "half");
      utimesSync(path, (now - age) / 1000, (now - age) / 1000);
    }
    expect(holding("rolled back")).not.toEqual([]);
    collectAll(store, [], now);
    expect([existsSync(old), existsSync(young), existsSync(largePath(kept)), holding("rolled back")]).toEqual([false, true, true, []]);
  });

  test("bytes are those of all files, and the database shrinks by what is collected", () => {
    const store = open();
    const sum = (): number => allFiles().reduce((all, path) => all + statSync(path).size, 0);
    const noise = (seed: number): string => Array.from({ length: 1000 }, (_, i) => sha256Hex(`${seed} ${i}`)).join("");
    const all = edits(store, "x", Array.from({ length: 40 }, (_, i) => noise(i)));
    store.put(Buffer.alloc(LARGE, "x"));
    writeFileSync(join(folder, "files", "temp-1"), "half");
    expect(store.usage().bytes).toBe(sum());
    collectAll(store);
    const before = statSync(join(folder, "checkpoints.db")).size;
    store.drop(all.slice(0, 30).map(({ seq }) => seq));
    collectAll(store);
    expect(statSync(join(folder, "checkpoints.db")).size).toBeLessThan(before / 2);
    expect(statSync(join(folder, "checkpoints.db-wal")).size).toBe(0);
    expect(store.usage().bytes).toBe(sum());
    expect(sql("PRAGMA auto_vacuum")).toEqual([{ auto_vacuum: 2 }]);
    expect(sql("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });

  test("old versions of a text rest on newer ones, no more than sixteen deep, the newest whole", () => {
    const store = open();
    const texts = versions(100);
    let before: State = "absent";
    for (const [i, text] of texts.entries()) {
      const after = file(store, text);
      seal(store, [{ path: "x", before, after }]);
      before = after;
      if (i % 7 === 0) collectAll(store);
    }
    collectAll(store);
    const depths = sql("WITH RECURSIVE chain (id, n) AS (SELECT id, 0 FROM content WHERE form <> 2 UNION ALL SELECT delta.id, n + 1 FROM delta JOIN chain ON base = chain.id) SELECT max(n) AS deepest, sum(n = 0) AS whole FROM chain") as [{ deepest: number; whole: number }];
    expect(depths[0].deepest).toBe(16);
    expect(depths[0].whole).toBeLessThan(25);
    expect(store.changesAfter(TREE, 0, "x").map(({ after }) => textOf(store, after))).toEqual(texts);
    expect(sql("SELECT form FROM content ORDER BY id DESC LIMIT 1")).toEqual([{ form: 1 }]);
  });

  test("packed between two calls, what is kept for each edit is its difference, and nothing is looked at twice", () => {
    const store = open();
    const texts = versions(60);
    const clock = (): number => 0;
    let before: State = "absent";
    for (const text of texts) {
      const after = file(store, text);
      seal(store, [{ path: "x", before, after }]);
      before = after;
      while (store.pack({ clock, ms: 5 }));
      expect(store.pack({ clock, ms: 5 })).toBe(false);
    }
    const kept = sql("SELECT sum(n) AS n FROM (SELECT sum(length(bytes)) AS n FROM part UNION ALL SELECT sum(length(bytes)) FROM delta)") as [{ n: number }];
    expect(kept[0].n).toBeLessThan(texts.reduce((sum, text) => sum + encodeWhole(Buffer.from(text))[1].length, 0) / 4);
    expect(store.changesAfter(TREE, 0, "x").map(({ after }) => textOf(store, after))).toEqual(texts);
    expect(collectAll(store)).toEqual({ dropped: 0, packed: 0 });
    expect(store.check()).toEqual([]);
  });

  test("collecting stops when its time is over and goes on where it was", () => {
    const store = open();
    edits(store, "x", versions(200));
    let now = 0;
    const clock = (): number => (now += 5);
    const rounds = [];
    for (let done = false; !done; ) {
      const result = store.collect(new Set(), { clock, ms: 30 });
      rounds.push(result);
      ({ done } = result);
    }
    expect(rounds.length).toBeGreaterThan(5);
    expect(rounds.reduce((sum, { packed }) => sum + packed, 0)).toBeGreaterThan(150);
    expect(store.check()).toEqual([]);
  });
});
