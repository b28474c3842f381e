/** What an instruction file says of the tree, and what only looks as if it did. */
import { expect, test } from "vitest";
import { claimsOf } from "./instruction-claims.ts";

const told = (text: string): string[] => claimsOf(text).map(({ line, kind, value }) => `${line} ${kind} ${value}`);

test("paths in code, links, scripts and targets are claims, each with its line and once", () => {
  expect(told("See `src/app/main.ts:12` and [the guide](notes/guide.md#start).\nAgain `src/app/main.ts`.\n\n```sh\nnpm run lint && make check # both\n$ pnpm run test:unit\n```\nRun `yarn run build` first.\n")).toEqual([
    "1 file src/app/main.ts", "1 file notes/guide.md", "5 script lint", "5 target check", "6 script test:unit", "8 script build",
  ]);
});

test("what may be anything else is no claim", () => {
  expect(told("Plain src/app/main.ts, `main.ts`, `src/*.ts`, `src/{a,b}.ts`, `@scope/pkg/x.js`, `~/x/y.md`, `/etc/x.conf`, `and/or`, `example.com/a.html`, `path/to/file.ts`, `dist/main.js`")).toEqual([]);
  expect(told("[site](https://example.com/a.md) [top](#a) [abs](/x/y.md)\n```ts\nimport x from './src/gone.ts';\nnpm run gone\n```\n<!-- `src/old/gone.ts`\n`src/old/gone2.ts` -->\n")).toEqual([]);
});

test("what is to be made, or was, or is only said for example, need not be there", () => {
  for (const line of ["Create `src/new/thing.ts` for it", "For example `src/a/b.ts`", "`src/old/x.ts` was removed", "Never edit `src/a/b.ts`", "See `src/a/b.ts` in that repo", "Put it into `src/a/x.ts`, not into `src/a/y.ts`"]) expect(told(line), line).toEqual([]);
});
