/** The ladder of scopes: what is granted with what. */
import { expect, test } from "vitest";
import { SCOPES, withImplied } from "./scopes.ts";

test("a scope holds those before it on the ladder, in whatever order they were granted", () => {
  expect(withImplied(["tidemark:restore"])).toEqual(["tidemark:read", "tidemark:write", "tidemark:restore"]);
  expect(withImplied(["tidemark:write", "tidemark:read"])).toEqual(["tidemark:read", "tidemark:write"]);
  expect(withImplied(["tidemark:admin"])).toEqual(SCOPES);
});

test("words that are no scopes grant nothing", () => {
  expect(withImplied([])).toEqual([]);
  expect(withImplied(["*", "tidemark:*", "TIDEMARK:READ", "tidemark:read tidemark:admin", "__proto__"])).toEqual([]);
});
