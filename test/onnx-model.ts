/**
 * A folder with an ONNX model in the layout of transformers.js, made by the test: a table whose rows are looked up by token.
 * The file is Protocol Buffers as onnx.proto says, written by hand: one node, one table.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROWS, STATIC_SIZE, WORDPIECE } from "./static-model.ts";

type Bytes = readonly number[];

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const number = (field: number, value: number): Bytes => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: Bytes): Bytes => [...varint(field * 8 + 2), ...varint(value.length), ...value];
const text = (field: number, value: string): Bytes => bytes(field, [...Buffer.from(value)]);

/** Name, type of its numbers (1: float, 7: int64), and dimensions, named or fixed. */
function valueInfo(name: string, type: number, dimensions: readonly (string | number)[]): Bytes {
  const shape = dimensions.flatMap((each) => bytes(1, typeof each === "number" ? number(1, each) : text(2, each)));
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, type), ...bytes(2, shape)]))];
}

function lookUp(rows: readonly (readonly number[])[]): Uint8Array {
  const table = [...number(1, rows.length), ...number(1, STATIC_SIZE), ...number(2, 1), ...text(8, "table"), ...bytes(9, [...new Uint8Array(Float32Array.from(rows.flat()).buffer)])];
  const node = [...text(1, "table"), ...text(1, "input_ids"), ...text(2, "last_hidden_state"), ...text(4, "Gather")];
  const graph = [...bytes(1, node), ...text(2, "lookup"), ...bytes(5, table), ...bytes(11, valueInfo("input_ids", 7, ["texts", "tokens"])), ...bytes(12, valueInfo("last_hidden_state", 1, ["texts", "tokens", STATIC_SIZE]))];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, [...text(1, ""), ...number(2, 13)])]);
}

/** Unknown words have a vector like any other for such a model: here they are near to nothing. */
export const ONNX_ROWS = ROWS.map((row) => (row.includes(9) ? row.map(() => 0) : row));

export function onnxModel(folder: string, rows: readonly (readonly number[])[] = ONNX_ROWS): string {
  mkdirSync(join(folder, "onnx"), { recursive: true });
  writeFileSync(join(folder, "onnx/model.onnx"), lookUp(rows));
  writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "bert", architectures: ["BertModel"], hidden_size: STATIC_SIZE }));
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(WORDPIECE));
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer", pad_token: "[PAD]", unk_token: "[UNK]", model_max_length: 512 }));
  return folder;
}
