/** What counts as a sentence. Which shape it has is tested where it is used: context/prose.test.ts, extract.test.ts. */
import { describe, expect, test } from "vitest";
import { sentences } from "./sentences.ts";

describe("sentences", () => {
  test("code, tables and headings are left out; list marks and bold marks go", () => {
    const text = "# Heading that is long enough to count\n\n- **First** point that says a thing or two.\n\n```\nconst code = 'that is long enough to count';\n```\n| a table | with a row of some length |\n\nSecond sentence of this text here. Third sentence of this text here.";
    expect(sentences(text)).toEqual(["First point that says a thing or two.", "Second sentence of this text here.", "Third sentence of this text here."]);
  });
});
