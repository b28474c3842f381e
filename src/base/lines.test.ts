/** Lines of files of every size and kind, with what was wrong with them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { notText, readLines } from "./lines.ts";

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "tidemark-lines-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(content: string | Uint8Array): string {
  const path = join(folder, "x.jsonl");
  writeFileSync(path, content);
  return path;
}

async function read(content: string | Uint8Array): Promise<[number, string, boolean, boolean][]> {
  const found: [number, string, boolean, boolean][] = [];
  for await (const lines of readLines(file(content))) {
    if (!Array.isArray(lines)) throw new Error(`line ${lines.number}: ${lines.problem}`);
    for (const { number, text, ended, sound } of lines) found.push([number, text, ended, sound]);
  }
  return found;
}

describe("reading lines", () => {
  test("numbers them from one, empty ones too, and says whether the last one was ended", async () => {
    expect(await read("a\n\nb")).toEqual([[1, "a", true, true], [2, "", true, true], [3, "b", false, true]]);
    expect(await read("a\n")).toEqual([[1, "a", true, true]]);
    expect(await read("")).toEqual([]);
  });

  test("keeps lines and characters whole across the places where the file is read in pieces", async () => {
    // Pieces are of 1 MiB: lines end just before, at and after one, and a character of three bytes stands across.
    const edge = 1024 * 1024;
    const lines = ["x".repeat(edge - 2), "y".repeat(edge - 1), "€".repeat(edge), "z".repeat(3 * edge), "end"];
    expect((await read(lines.join("\n"))).map(([, text]) => text.length)).toEqual(lines.map(({ length }) => length));
    expect((await read(lines.join("\n"))).map(([, text]) => text)).toEqual(lines);
  });

  test("says of bytes that are not UTF-8 that they were replaced", async () => {
    expect(await read(Buffer.from([0x61, 0xe9, 0x0a, 0x62, 0x0a]))).toEqual([[1, "a\uFFFD", true, false], [2, "b", true, true]]);
  });

  test("passes over a line beyond 64 MiB, names it once, and goes on with the right number", async () => {
    const found: unknown[] = [];
    for await (const lines of readLines(file(`a\n${"b".repeat(65 * 1024 * 1024)}\nc\n`))) found.push(...(Array.isArray(lines) ? lines.map(({ number, text }) => [number, text]) : [lines]));
    expect(found).toEqual([[1, "a"], { number: 2, problem: "too long" }, [3, "c"]]);
  });

  test("reports every byte it went through", async () => {
    let bytes = 0;
    for await (const _ of readLines(file("abcdefghijk\n".repeat(200_000)), (read) => void (bytes += read)));
    expect(bytes).toBe(2_400_000);
  });
});

describe("what cannot be text", () => {
  test.each([
    ["JSON lines", '{"a":1}\n', undefined],
    ["JSON lines with a mark", '\uFEFF{"a":1}\n', undefined],
    ["an empty file", "", undefined],
    ["JSON with a hole of zeros", Buffer.concat([Buffer.from('{"a":1}\n'), Buffer.alloc(500)]), undefined],
    ["UTF-16 with a mark", Buffer.from('\uFEFF{"a":1}', "utf16le"), "it is UTF-16; save it as UTF-8"],
    ["UTF-16 without one", Buffer.from('{"a":1}', "utf16le"), "it looks like UTF-16 without a mark; save it as UTF-8"],
    ["UTF-16, the other byte first", Buffer.from('{"a":1}', "utf16le").swap16(), "it looks like UTF-16 without a mark; save it as UTF-8"],
    ["zeros", Buffer.alloc(100), "it is a binary file"],
    ["a program", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 9, 9, 9, 9]), "it is a binary file"],
  ])("%s", async (_, content, reason) => expect(await notText(file(content))).toBe(reason));
});
