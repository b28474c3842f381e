/** Static vectors from folders that the test makes: the mean over known tokens, both kinds of tokenizer, and damaged files. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { float32, ROWS, safetensors, STATIC_SIZE, staticModel, UNIGRAM, type TensorGiven } from "../../test/static-model.ts";
import { embedderAt, localPlace } from "./embedder.ts";
import type { LocalModel } from "./endpoint.ts";
import { openStatic } from "./static.ts";

const opened = (given: Parameters<typeof staticModel>[1] = {}): Promise<LocalModel> => openStatic(staticModel(join(scratch(), "model"), given));
const embed = async (model: LocalModel | Promise<LocalModel>, text: string): Promise<number[]> => [...(await (await model).embed([text])).vectors[0]!];
const axis = (n: number, length = 1): number[] => Array.from({ length: STATIC_SIZE }, (_, i) => (i === n ? length : 0));

test("a text is the sum of its known tokens' vectors, whatever its case, accents and marks", async () => {
  const model = await opened();
  expect(model.dimension).toBe(STATIC_SIZE);
  expect(await embed(model, "Car, DÓCTOR!")).toEqual([1, 1, 0, 0, 0, 0, 0, 0]);
  expect(await embed(model, "cars")).toEqual(axis(0).map((each) => each + 0.125));
  expect((await model.embed(["car doctor", "zebra"])).tokens).toBe(2);
});

test("unknown words count for nothing, and a text of nothing else is near to nothing", async () => {
  expect(await embed(opened(), "zebra car zebra")).toEqual(axis(0));
  expect(await embed(opened(), "zebra")).toEqual(axis(-1));
  expect(await embed(opened(), "")).toEqual(axis(-1));
});

test("pieces by their chances are read as well as pieces of words", async () => {
  expect(await embed(opened({ tokenizer: UNIGRAM }), "car automobile")).toEqual(axis(0, 2));
});

test("of a long text 512 tokens are read", async () => {
  expect(await embed(opened(), `${"car ".repeat(512)} doctor`)).toEqual(axis(0, 512));
});

test("weights of tokens, and rows that several share", async () => {
  const rows = (...values: number[]): TensorGiven => ({ dtype: "F64", shape: [values.length], bytes: new Uint8Array(Float64Array.from(values).buffer) });
  const mapping = { dtype: "I64", shape: [ROWS.length], bytes: new Uint8Array(BigInt64Array.from(ROWS.map((_, i) => BigInt(i === 4 ? 5 : i))).buffer) };
  expect(await embed(opened({ tensors: { embeddings: float32(ROWS), weights: rows(...ROWS.map((_, i) => i)) } }), "car doctor")).toEqual([3, 5, 0, 0, 0, 0, 0, 0]);
  // "automobile" has the row of "doctor".
  expect(await embed(opened({ tensors: { embeddings: float32(ROWS), mapping } }), "automobile")).toEqual(axis(1));
});

test.each([
  ["F16", 2, (view: DataView, at: number, value: number) => view.setUint16(at, value === 0 ? 0 : value === 1 ? 0x3c00 : value === 9 ? 0x4880 : 0x3000, true)],
  ["BF16", 2, (view: DataView, at: number, value: number) => view.setUint16(at, value === 0 ? 0 : value === 1 ? 0x3f80 : value === 9 ? 0x4110 : 0x3e00, true)],
  ["I8", 1, (view: DataView, at: number, value: number) => view.setInt8(at, Math.trunc(value))],
] as const)("numbers of the type %s are read", async (dtype, size, write) => {
  const bytes = new Uint8Array(ROWS.length * STATIC_SIZE * size);
  for (const [i, value] of ROWS.flat().entries()) write(new DataView(bytes.buffer), i * size, value);
  const model = await opened({ tensors: { embeddings: { dtype, shape: [ROWS.length, STATIC_SIZE], bytes } } });
  expect(await embed(model, "physician")).toEqual(axis(1));
  if (dtype !== "I8") expect((await embed(model, "cars"))[1]).toBe(0.125);
});

test("it is an embedder like any other, and another model in its folder is not taken for it", async () => {
  const folder = staticModel(join(scratch(), "potion"));
  const { place, dimension } = await localPlace("static", folder);
  const embedder = embedderAt(place, dimension);
  expect(embedder).toMatchObject({ name: `static potion ${place.print}`, dimension: STATIC_SIZE });
  expect(await embedder.embed(["car", "bug"], 1)).toEqual({ vectors: [Float32Array.from(axis(0)), Float32Array.from(axis(2))], tokens: 2 });
  staticModel(folder, { tensors: { embeddings: float32(ROWS.toReversed()) } });
  await expect(embedderAt(place, dimension).embed(["car"], 1)).rejects.toMatchObject({ code: "MODEL_GARBLED", hint: `tidemark embedder static ${folder}` });
});

test.each([
  ["an empty file", Buffer.alloc(0)], ["a text", Buffer.from("version https://git-lfs.github.com/spec/v1")], ["a header longer than the file", Buffer.from([255, 255, 0, 0, 0, 0, 0, 0, 123])], ["a header that is no JSON", Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 123])],
  ["no table", safetensors({ other: float32(ROWS) })], ["a table cut short", safetensors({ embeddings: float32(ROWS) }).subarray(0, -1)], ["numbers of an unknown type", safetensors({ embeddings: { ...float32(ROWS), dtype: "F4" } })],
  ["a shape that is none", safetensors({ embeddings: { ...float32(ROWS), shape: [-1, 8] } })], ["a table of one row", safetensors({ embeddings: { ...float32(ROWS), shape: [ROWS.length * STATIC_SIZE] } })],
])("%s for the vectors is garbled", async (_, bytes) => {
  const folder = staticModel(join(scratch(), "model"));
  writeFileSync(join(folder, "model.safetensors"), bytes);
  await expect(openStatic(folder)).rejects.toMatchObject({ code: "MODEL_GARBLED" });
});

test("a tokenizer that is none is garbled, and a file that is missing is named", async () => {
  const folder = staticModel(join(scratch(), "model"));
  for (const text of ["", "{}", "[1]", '{"model":{"type":"Magic"}}']) {
    writeFileSync(join(folder, "tokenizer.json"), text);
    await expect(openStatic(folder), text).rejects.toMatchObject({ code: "MODEL_GARBLED" });
  }
  rmSync(join(folder, "tokenizer.json"));
  await expect(openStatic(folder)).rejects.toMatchObject({ code: "MODEL_REFUSED", message: expect.stringContaining("tokenizer.json") });
  await expect(openStatic("/nowhere")).rejects.toMatchObject({ code: "MODEL_REFUSED" });
});

test("what is not finite spoils no vector", async () => {
  const rows = ROWS.map((row, i) => (i === 3 ? row.map(() => NaN) : row));
  expect(await embed(opened({ tensors: { embeddings: float32(rows) } }), "car doctor")).toEqual(axis(-1));
});
