/** The table of errors and what failures of the system become. */
import { describe, expect, test } from "vitest";
import { asTidemarkError, ERRORS, exitCode, TidemarkError, type ErrorCode } from "./errors.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];

test.each(CODES)("%s says what it means and what to do next", (code) => {
  const { kind, hint, meaning } = ERRORS[code];
  expect(["user", "config", "environment", "internal"]).toContain(kind);
  expect(meaning).toMatch(/^[A-Z`].+\.$/);
  expect(hint.length).toBeGreaterThan(5);
});

test("the exit code follows from the kind: 2 usage, 1 refused, 70 broken", () => {
  expect(CODES.map((code) => [code, exitCode(new TidemarkError(code, "x"))])).toEqual(CODES.map((code) => [code, code === "USAGE" ? 2 : ERRORS[code].kind === "internal" ? 70 : 1]));
});

test("a hint given on the spot replaces that of the table, and the cause is kept", () => {
  const cause = new Error("below");
  expect(new TidemarkError("BAD_VALUE", "x", { hint: "tidemark x", cause })).toMatchObject({ hint: "tidemark x", cause, kind: "user", message: "x" });
  expect(new TidemarkError("BAD_VALUE", "x")).toMatchObject({ hint: ERRORS.BAD_VALUE.hint });
});

describe("failures of the system and of SQLite", () => {
  test.each<[ErrorCode, Error & { code?: string }]>([
    ["DISK_FULL", Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })],
    ["DISK_FULL", new Error("database or disk is full")],
    ["HOME_UNWRITABLE", new Error("attempt to write a readonly database")],
    ["HOME_UNWRITABLE", new Error("unable to open database file")],
    ["STORE_BUSY", new Error("database is locked")],
    ["STORE_DAMAGED", new Error("database disk image is malformed")],
    ["STORE_DAMAGED", new Error("file is not a database")],
    ["INTERNAL", new TypeError("x is not a function")],
  ])("become %s: %s", (code, error) => expect(asTidemarkError(error)).toMatchObject({ code, cause: error }));

  test("ours stay what they are, and what is no error is still told", () => {
    const ours = new TidemarkError("NO_SESSIONS", "x");
    expect(asTidemarkError(ours)).toBe(ours);
    expect(asTidemarkError("just words")).toMatchObject({ code: "INTERNAL", message: "just words" });
  });
});
