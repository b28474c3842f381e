/**
 * `tidemark embedder onnx` on the built command line, installed as a user has it: beside the package that runs such models,
 * which is fetched once into a cache, without its install scripts. The model is the test's own.
 */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { place, run, type Answer, type Place } from "../helpers.ts";
import { ONNX_ROWS, onnxModel } from "../onnx-model.ts";

const VERSION = "4.3.1";
const CACHE = process.env["TIDEMARK_ONNX_CACHE"] ?? join(homedir(), ".cache/tidemark-onnx", VERSION);
const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string> };
/** What the bundle leaves outside of itself. */
const WITH_NATIVE_PARTS = [`@photostructure/sqlite@${dependencies["@photostructure/sqlite"]}`];
const INSTALLED = join(CACHE, "node_modules/tidemark");

beforeAll(async () => {
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(join(CACHE, "ready"))) {
    await promisify(execFile)("npm", ["install", "--prefix", CACHE, "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", `@huggingface/transformers@${VERSION}`, ...WITH_NATIVE_PARTS], { timeout: 600_000 });
    writeFileSync(join(CACHE, "ready"), VERSION);
  }
  rmSync(INSTALLED, { recursive: true, force: true });
  for (const name of ["dist", "package.json"]) cpSync(name, join(INSTALLED, name), { recursive: true });
});

async function ask(at: Place, args: readonly string[]): Promise<Answer & { readonly err: string }> {
  const { code, out, err } = await run(process.execPath, [join(INSTALLED, "dist/tidemark.js"), ...args, "--json"], at.cwd, at.env);
  return { code, err, ...(JSON.parse(out) as Omit<Answer, "code">) };
}

test("a model in a folder is named, filled and asked, in this process alone", async () => {
  const at = place(["197 main"]);
  await ask(at, ["import"]);
  const folder = onnxModel(join(at.cwd, "small"));
  expect(await ask(at, ["embedder", "onnx", "small"])).toMatchObject({ code: 0, err: "", data: { embedder: { kind: "onnx", model: folder, dimension: 8 } }, warnings: [] });
  expect(await ask(at, ["embedder", "--fill"])).toMatchObject({ code: 0, err: "", data: { left: 0 } });
  const { data, warnings, err } = await ask(at, ["recall", "hello"]);
  expect([warnings, err]).toEqual([[], ""]);
  expect(data.path).toMatch(/by meaning \(onnx small [0-9a-f]{8}\)/);
  expect(data.items.some(({ found_by }: { found_by?: string }) => found_by === "meaning" || found_by === "both")).toBe(true);
  onnxModel(folder, ONNX_ROWS.map((row) => row.map((each) => each / 2)));
  expect((await ask(at, ["recall", "hello"])).warnings).toEqual([expect.stringContaining("Another model lies in")]);
});

test("a file that is no model is garbled", async () => {
  const at = place();
  const folder = onnxModel(join(at.cwd, "small"));
  writeFileSync(join(folder, "onnx/model.onnx"), "version https://git-lfs.github.com/spec/v1\n");
  expect(await ask(at, ["embedder", "onnx", "small"])).toMatchObject({ code: 1, error: { code: "MODEL_GARBLED" } });
});
