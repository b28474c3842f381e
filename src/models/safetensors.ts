/**
 * Tensors of a safetensors file, read where they are asked for: a model of 100 MB is not loaded to embed one question. The
 * format is a length, a header in JSON, and the numbers (huggingface.co/docs/safetensors). Left out: types other than those
 * that static vectors are published in.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";

type Decode = (bytes: DataView, at: number) => number;

/** Bytes of one number, and how it is read. */
const TYPES: Readonly<Record<string, readonly [size: number, decode: Decode]>> = {
  F64: [8, (bytes, at) => bytes.getFloat64(at, true)],
  F32: [4, (bytes, at) => bytes.getFloat32(at, true)],
  F16: [2, (bytes, at) => half(bytes.getUint16(at, true))],
  BF16: [2, (bytes, at) => brain(bytes.getUint16(at, true))],
  I64: [8, (bytes, at) => Number(bytes.getBigInt64(at, true))],
  I32: [4, (bytes, at) => bytes.getInt32(at, true)],
  I8: [1, (bytes, at) => bytes.getInt8(at)],
};

export interface Tensor {
  readonly shape: readonly number[];
  /** As many numbers as stand in `count` rows from this one on; a tensor of one dimension has rows of one number. */
  rows(first: number, count: number): Float32Array;
}

/** The largest header that is read, in bytes: that of a model with a few tensors has some hundred. */
const HEADER = 16 * 1024 * 1024;

export interface Tensors {
  readonly header: string;
  readonly size: number;
  /** Undefined where there is none of that name. */
  tensor(name: string): Tensor | undefined;
  /** Of the numbers, at most so many from the first on. */
  beginning(bytes: number): Buffer;
}

/** Refused: MODEL_GARBLED where it is no such file. What the system says of a file that cannot be read is thrown as it is. */
export function openTensors(path: string): Tensors {
  const { header, data, size } = withFile(path, (file) => {
    const whole = fstatSync(file).size;
    const length = whole < 8 ? 0 : Number(at(file, 0, 8).readBigUInt64LE());
    if (length === 0 || length > Math.min(HEADER, whole - 8)) throw garbled(path, "it has no header");
    return { header: at(file, 8, length).toString("utf8"), data: 8 + length, size: whole };
  });
  const named = parsed(header, path);
  return {
    header, size,
    tensor: (name) => (named[name] === undefined ? undefined : tensorOf(named[name], { path, name, data, size })),
    beginning: (bytes) => withFile(path, (file) => at(file, data, Math.min(bytes, size - data))),
  };
}

function tensorOf(told: unknown, { path, name, data, size }: { readonly path: string; readonly name: string; readonly data: number; readonly size: number }): Tensor {
  const { dtype, shape, data_offsets: offsets } = isRecord(told) ? told : {};
  const type = typeof dtype === "string" && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (type === undefined) throw garbled(path, `"${name}" has numbers of the type ${JSON.stringify(dtype)}, which is not one of ${Object.keys(TYPES).join(", ")}`);
  const [bytes, decode] = type;
  if (!isCounts(shape) || !isCounts(offsets) || shape.length === 0 || offsets.length !== 2) throw garbled(path, `"${name}" has no shape`);
  const [from, to] = offsets as [number, number];
  const width = shape.slice(1).reduce((product, each) => product * each, 1);
  if (to - from !== shape[0]! * width * bytes || data + to > size) throw garbled(path, `"${name}" is not all there`);
  return {
    shape,
    rows: (first, count) => {
      if (first < 0 || first + count > shape[0]!) throw new RangeError(`rows ${first} to ${first + count} of ${shape[0]}`);
      const read = withFile(path, (file) => at(file, data + from + first * width * bytes, count * width * bytes));
      const view = new DataView(read.buffer, read.byteOffset, read.byteLength);
      return Float32Array.from({ length: count * width }, (_, i) => decode(view, i * bytes));
    },
  };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

function parsed(header: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(header);
    if (isRecord(value)) return value;
  } catch (error) {
    throw garbled(path, "its header is no JSON", error);
  }
  throw garbled(path, "its header is no JSON");
}

function at(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) throw new RangeError("the file ended while it was read");
    done += read;
  }
  return bytes;
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const file = openSync(path, "r");
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

function garbled(path: string, why: string, cause?: unknown): TidemarkError {
  return new TidemarkError("MODEL_GARBLED", `${path} holds no vectors that can be read: ${why}`, { cause, hint: "Get the files of the model again, and name their folder." });
}

/** IEEE 754 with 16 bits. */
function half(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const SCRATCH = new DataView(new ArrayBuffer(4));

/** The upper half of 32 bits. */
function brain(bits: number): number {
  SCRATCH.setUint32(0, bits << 16);
  return SCRATCH.getFloat32(0);
}
