/** What of a tree a statement is taken to name. */
import { expect, test } from "vitest";
import { mentionsOf } from "./about.ts";

test.each([
  ["Lines are split by `parseLine` in src/parse.ts.", { paths: ["src/parse.ts"], names: ["parseLine"], commands: [] }],
  ["Run `npm test` and `make deploy`, not ./old.sh", { paths: ["./old.sh"], names: [], commands: ["npm test", "make deploy"] }],
  ["parse_line and splitFields and HTTPServer are slow", { paths: [], names: ["parse_line", "splitFields", "HTTPServer"], commands: [] }],
  ["`Store.append()` writes to `log.db`, see Makefile", { paths: ["log.db", "Makefile"], names: ["Store.append"], commands: [] }],
  ["Plain words and/or nothing else, 3.14", { paths: [], names: [], commands: [] }],
])("%s", (statement, mentions) => expect(mentionsOf(statement)).toMatchObject(mentions));

test("a dependency is a word in backticks, one with the marks of a package, or what is used", () => {
  expect(mentionsOf("Use vitest with `zod`, never the diff, nor @types/node").words).toEqual(["zod", "@types/node", "vitest"]);
});

test("a statement made of names is read to a dozen of each", () => {
  expect(mentionsOf(Array.from({ length: 500 }, (_, i) => `some_name${i}`).join(" ")).names).toHaveLength(12);
});
