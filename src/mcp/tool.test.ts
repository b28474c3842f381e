/** The length of answers, and what a refusal tells. */
import { describe, expect, test } from "vitest";
import { TidemarkError } from "../base/errors.ts";
import { asData } from "../context/data.ts";
import { fitted, refusal } from "./tool.ts";

describe("an answer", () => {
  test.each([["words", "some words of a sentence ".repeat(40_000)], ["characters that are tokens each", "漢字かな🙂".repeat(30_000)], ["one long word", "x".repeat(1_000_000)]])("of too many %s is cut, and its quotation ended", async (_, words) => {
    const { text, tokens } = await fitted(`${asData("recall", words)}\nmore: cursor 1`, true);
    expect(tokens).toBeLessThanOrEqual(20_000);
    expect(tokens).toBeGreaterThan(10_000);
    expect(text.endsWith("\n[cut here: ask for less at a time]\n</tidemark>")).toBe(true);
    expect(text.isWellFormed()).toBe(true);
  });

  test("that fits is left as it is", async () => {
    expect(await fitted("short", true)).toEqual({ text: "short", tokens: 1 });
    const long = asData("recall", "words ".repeat(5000));
    expect((await fitted(long, false)).text).toBe(long);
  });
});

describe("a refusal", () => {
  test("says what to do instead, and nothing that a terminal would obey", () => {
    expect(refusal(new TidemarkError("BAD_VALUE", "No \u001b[31mred\u0007", { hint: "Send another." }), () => undefined)).toBe("No red. Send another.");
  });

  test("of what broke tells a code alone, and the shell the rest", () => {
    const told: unknown[] = [];
    const broken = new Error("/home/someone/secret.db: boom");
    expect(refusal(broken, (error) => told.push(error))).toBe("Something went wrong inside Tidemark (INTERNAL). Ask the user to run: tidemark doctor");
    expect(told).toEqual([broken]);
  });
});
