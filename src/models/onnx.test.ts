/** ONNX models where the package that runs them is not installed, as in this repository, and folders that hold none. With the package: test/onnx. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { onnxModel } from "../../test/onnx-model.ts";
import { openOnnx } from "./onnx.ts";

test("without the package it is said what to install", async () => {
  await expect(openOnnx(onnxModel(join(scratch(), "model")))).rejects.toMatchObject({ code: "MODEL_REFUSED", message: "ONNX models run in @huggingface/transformers, which is not installed", hint: expect.stringContaining("npm install @huggingface/transformers") });
});

test.each(["onnx/model.onnx", "tokenizer.json", "config.json"])("a folder without %s is no model, and the file is named", async (name) => {
  const folder = onnxModel(join(scratch(), "model"));
  rmSync(join(folder, name));
  await expect(openOnnx(folder)).rejects.toMatchObject({ code: "MODEL_REFUSED", message: expect.stringContaining(`${name} is not there`) });
});
