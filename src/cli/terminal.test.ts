/** Widths, wrapping, colour and what of others' text reaches the screen. */
import { describe, expect, test } from "vitest";
import { TidemarkError } from "../base/errors.ts";
import { columnWidth, Terminal, wrap } from "./terminal.ts";

function terminal(options: { tty?: boolean; columns?: number; noColor?: boolean; json?: boolean } = {}): { terminal: Terminal; out: () => string; err: () => string } {
  let [out, err] = ["", ""];
  const stream = (take: (text: string) => void) => ({ write: take, isTTY: options.tty ?? false, columns: options.columns ?? 80 });
  return {
    terminal: new Terminal({ stdout: stream((text) => (out += text)), stderr: stream((text) => (err += text)), noColor: options.noColor ?? false }, "test", options.json ?? false),
    out: () => out,
    err: () => err,
  };
}

describe("table", () => {
  const columns = [{ title: "id" }, { title: "n", align: "right" as const }, { title: "name", flexible: true }];

  test("fits the width of the terminal, the flexible column giving way", () => {
    const { terminal: t, out } = terminal({ tty: true, columns: 60, noColor: true });
    t.table(columns, [["abc", "1", "x".repeat(200)], ["abcdef", "1000", "日本語".repeat(40)]]);
    for (const line of out().trimEnd().split("\n")) expect(columnWidth(line)).toBeLessThanOrEqual(60);
  });

  test("what a cell holds of escapes and line ends does not reach the screen", () => {
    const { terminal: t, out } = terminal();
    t.table(columns, [["a\u001b[2Jb", "1", "two\nlines\u0007"]]);
    expect(out()).toBe("id  n  name\nab  1  two lines\n");
  });
});

describe("colour", () => {
  test("only on a terminal, and never with NO_COLOR", () => {
    expect(terminal({ tty: true }).terminal.style("red", "x")).toBe("\u001b[31mx\u001b[39m");
    expect(terminal({ tty: true, noColor: true }).terminal.style("red", "x")).toBe("x");
    expect(terminal().terminal.style("red", "x")).toBe("x");
  });
});

describe("progress", () => {
  test("is shown on a terminal and cleared before the answer", () => {
    const { terminal: t, err } = terminal({ tty: true });
    t.progress("1 of 2 files", 1, 2);
    expect(err()).toContain(" 50% 1 of 2 files");
    t.answer({}, () => undefined);
    expect(err().endsWith("\r\u001b[2K")).toBe(true);
  });

  test("is silent in a pipe", () => {
    const { terminal: t, err } = terminal();
    t.progress("1 of 2 files", 1, 2);
    expect(err()).toBe("");
  });
});

describe("json", () => {
  test("is one document, with notes inside it", () => {
    const { terminal: t, out, err } = terminal({ json: true });
    t.warn("careful");
    t.answer({ n: 1 }, () => expect.fail("people's text was printed"));
    expect(JSON.parse(out())).toEqual({ schema: "tidemark/test/1", ok: true, data: { n: 1 }, warnings: ["careful"] });
    expect(err()).toBe("");
  });

  test("an error is in the document, with its hint", () => {
    const { terminal: t, out } = terminal({ json: true });
    t.fail(new TidemarkError("SESSION_UNKNOWN", "no such session"));
    expect(JSON.parse(out())).toEqual({ schema: "tidemark/test/1", ok: false, data: null, warnings: [], error: { code: "SESSION_UNKNOWN", kind: "user", message: "no such session", hint: "tidemark sessions" } });
  });
});

test("wrap breaks at words and leaves a word that is too long whole", () => {
  expect(wrap("one two three four", 9)).toBe("one two\nthree\nfour");
  expect(wrap(`short ${"x".repeat(20)}`, 10)).toBe(`short\n${"x".repeat(20)}`);
});
