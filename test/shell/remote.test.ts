/** `tidemark remote` on the built command line, as programs and people see it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ask, place, scratch, shell, tidemark, type Place } from "../helpers.ts";
import { Keeper } from "../../src/operations/keeper.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";

/** A tree with checkpoints of three states of a file. */
function worked(): Place & { change: (text: string) => void } {
  const at = place();
  const store = openCheckpointStore(at.home);
  onTestFinished(() => store.close());
  const keeper = new Keeper({ store, home: at.home, root: at.cwd, environment: {}, userHome: "/nobody", clock: Date.now, pid: process.pid, isAlive: () => true });
  const change = (text: string): void => {
    writeFileSync(join(at.cwd, "file.txt"), text);
    keeper.look("prompt");
  };
  keeper.begin();
  change("one\n");
  change("two two\n");
  return { ...at, change };
}

test("without a folder nothing is copied, and it says how to begin", async () => {
  const at = place();
  expect(await ask(at, ["remote"])).toMatchObject({ code: 0, ok: true, data: { folder: null, checkpoints: 0, copied: 0, left: 0 } });
  expect((await tidemark(at, ["remote"])).out).toContain("tidemark remote DIR");
  expect(await ask(at, ["remote", "--off"])).toMatchObject({ code: 0, data: { folder: null } });
  expect(await ask(at, ["remote", "--check"])).toMatchObject({ code: 1, error: { code: "REMOTE_NONE", hint: "tidemark remote DIR" } });
  // Asking makes nothing.
  expect(existsSync(at.home)).toBe(false);
});

test("a folder is named, filled, checked, mended and let go", async () => {
  const at = worked();
  const folder = join(scratch(), "copies");
  expect(await ask(at, ["remote", folder])).toMatchObject({ code: 0, data: { folder, checkpoints: 3, copied: 3, left: 0, missing: 0 }, warnings: [] });
  expect(await ask(at, ["remote", "--check"])).toMatchObject({ code: 0, data: { check: { checkpoints: 3, contents: 2, bytes: 12, problems: [] } } });
  at.change("three\n");
  const plain = await tidemark(at, ["remote"]);
  expect(plain).toMatchObject({ code: 0, err: "", out: `4 of 4 checkpoints are copied to ${folder}.\n` });

  const [two] = readdirSync(join(folder, "objects"));
  rmSync(join(folder, "objects", two!), { recursive: true });
  expect(await ask(at, ["remote", "--check"])).toMatchObject({ code: 1, ok: false, error: { code: "REMOTE_DAMAGED", hint: expect.stringContaining(folder) }, data: { check: { problems: [{ code: "OBJECT_MISSING", where: expect.stringContaining(`objects/${two}`) }] } } });
  expect((await tidemark(at, ["remote", folder])).code).toBe(0);
  expect((await tidemark(at, ["remote", "--check"])).out).toMatch(/^All is there: 4 checkpoints with 3 contents of files, /);

  expect((await tidemark(at, ["remote", "--off"])).out).toContain("stays until you delete it");
  expect(await ask(at, ["remote"])).toMatchObject({ data: { folder: null } });
  expect(existsSync(join(folder, "trees"))).toBe(true);
});

test("what cannot be is refused with what to do", async () => {
  const at = worked();
  const folder = join(scratch(), "copies");
  for (const [args, code] of [[["copies"], "REMOTE_REFUSED"], [[join(at.home, "copies")], "REMOTE_REFUSED"], [[""], "BAD_VALUE"], [[folder, "--off"], "BAD_VALUE"], [[join(folder, "deep")], "REMOTE_GONE"]] as const) {
    expect(await ask(at, ["remote", ...args]), args.join(" ")).toMatchObject({ code: 1, error: { code, hint: expect.stringMatching(/\w/) } });
  }
  await tidemark(at, ["remote", folder]);
  renameSync(folder, `${folder}.away`);
  mkdirSync(folder);
  expect(await ask(at, ["remote"])).toMatchObject({ code: 1, error: { code: "REMOTE_GONE", kind: "environment", message: expect.stringContaining(folder) } });
  expect(readdirSync(folder)).toEqual([]);
  expect((await tidemark(at, ["remote", "--off"])).code).toBe(0);
});

test("the help says that files leave as they are", async () => {
  expect((await tidemark(place(), ["remote", "--help"])).out.replace(/\s+/g, " ")).toContain("so secrets that stood in a file stand in the copy, unencrypted");
});

test("the recipe in the documentation gets a file back without Tidemark", async () => {
  const at = worked();
  const folder = join(scratch(), "copies");
  at.change("words ".repeat(100));
  await tidemark(at, ["remote", folder]);
  const text = readFileSync(join(import.meta.dirname, "../../docs/data-and-privacy.md"), "utf8");
  const recipe = /```sh\n(node -e [\s\S]*?)```/.exec(text)![1]!;
  const sheets = readdirSync(join(folder, "trees"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json")).sort();
  const hash = JSON.parse(readFileSync(join(folder, "trees", sheets.at(-1)!), "utf8")).changes[0].after.content.slice("sha256:".length) as string;
  const run = await shell({ ...at, cwd: folder }, recipe.replace("objects/ab/abcd…", `objects/${hash.slice(0, 2)}/${hash}`));
  expect(run).toMatchObject({ code: 0, err: "" });
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("words ".repeat(100));
});
