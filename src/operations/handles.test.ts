/** Handles as files: whose they are, how long they last, what a name can do. */
import { spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { changeHandle, keepHandle, readHandle } from "./handles.ts";

test("a handle is read by its owner while it lasts, and by nobody else", () => {
  const home = scratch();
  const [mine, other] = [{ home, principal: "a" }, { home, principal: "b" }];
  keepHandle(mine, "u_1", { n: 1 }, { now: 1000, until: 2000 });
  expect(readHandle(mine, "u_1", 1999)).toEqual({ n: 1 });
  expect([readHandle(mine, "u_1", 2000), readHandle(other, "u_1", 1500), readHandle(mine, "u_2", 1500)]).toEqual([undefined, undefined, undefined]);
  changeHandle(mine, "u_1", { n: 2 }, 3000);
  expect(readHandle(mine, "u_1", 2999)).toEqual({ n: 2 });
});

test("names of handles and owners are no paths, and do not run into each other", () => {
  const home = scratch();
  keepHandle({ home, principal: "../../x" }, "../../../etc/passwd", 1, { now: 0, until: 10 });
  keepHandle({ home, principal: "a\nb" }, "c", 2, { now: 0, until: 10 });
  expect(readdirSync(home)).toEqual(["handles"]);
  expect(readdirSync(join(home, "handles")).every((name) => /^[0-9a-f]{64}\.json$/.test(name))).toBe(true);
  expect(readHandle({ home, principal: "a" }, "b\nc", 5)).toBeUndefined();
  for (const name of readdirSync(join(home, "handles"))) expect(statSync(join(home, "handles", name)).mode & 0o077).toBe(0);
});

test("those that are over are swept away, and a damaged one is as good as none", () => {
  const home = scratch();
  const mine = { home, principal: "a" };
  keepHandle(mine, "old", 1, { now: 0, until: 10 });
  keepHandle(mine, "bad", 1, { now: 0, until: 100 });
  for (const name of readdirSync(join(home, "handles"))) if (readHandle(mine, "bad", 50) === 1) writeFileSync(join(home, "handles", name), '{"until":');
  expect(readHandle(mine, "bad", 50)).toBeUndefined();
  keepHandle(mine, "new", 1, { now: 20, until: 100 });
  expect([readHandle(mine, "old", 5), readHandle(mine, "new", 50)]).toEqual([undefined, 1]);
});

test("several processes write one handle at once", async () => {
  const home = scratch();
  const code = `import { changeHandle } from ${JSON.stringify(join(import.meta.dirname, "handles.ts"))}; for (let n = 0; n < 400; n++) changeHandle({ home: ${JSON.stringify(home)}, principal: "a" }, "u_1", { n }, 10);`;
  const { build } = await import("esbuild");
  const file = join(home, "writer.mjs");
  await build({ stdin: { contents: code, resolveDir: home, loader: "ts" }, bundle: true, platform: "node", format: "esm", outfile: file });
  const ends = await Promise.all([1, 2, 3].map(() => new Promise<number | null>((done) => spawn(process.execPath, [file], { stdio: "inherit" }).on("close", done))));
  expect(ends).toEqual([0, 0, 0]);
  expect(readHandle({ home, principal: "a" }, "u_1", 5)).toEqual({ n: 399 });
  expect(readdirSync(join(home, "handles")).filter((name) => name.endsWith(".part"))).toEqual([]);
});
