/**
 * One version of a text as its difference from another: what both begin and end with is counted, the middle is deflated
 * with the other's middle as dictionary. Pure. Left out: which version is taken as the base (packing.ts).
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";

/** Deflate looks back no further. */
const DICTIONARY = 32 * 1024;

export function encodeDelta(base: Uint8Array, target: Uint8Array): Buffer {
  const shorter = Math.min(base.length, target.length);
  let prefix = 0;
  while (prefix < shorter && base[prefix] === target[prefix]) prefix++;
  let suffix = 0;
  while (suffix < shorter - prefix && base[base.length - 1 - suffix] === target[target.length - 1 - suffix]) suffix++;
  const head = Buffer.from([...varint(prefix), ...varint(suffix)]);
  const middle = target.subarray(prefix, target.length - suffix);
  return middle.length === 0 ? head : Buffer.concat([head, deflateRawSync(middle, { level: 9, ...dictionaryOf(base, prefix, suffix) })]);
}

/** Throws where the delta is not one of this base. */
export function applyDelta(base: Uint8Array, delta: Uint8Array, size: number): Buffer {
  const [prefix, afterPrefix] = readVarint(delta, 0);
  const [suffix, at] = readVarint(delta, afterPrefix);
  if (prefix + suffix > Math.min(base.length, size)) throw new Error("a delta that does not fit its base");
  const middle = at === delta.length ? Buffer.alloc(0) : inflateRawSync(delta.subarray(at), { maxOutputLength: Math.max(1, size - prefix - suffix), ...dictionaryOf(base, prefix, suffix) });
  return Buffer.concat([base.subarray(0, prefix), middle, base.subarray(base.length - suffix)]);
}

function dictionaryOf(base: Uint8Array, prefix: number, suffix: number): { dictionary?: Uint8Array } {
  const end = base.length - suffix;
  return end === prefix ? {} : { dictionary: base.subarray(Math.max(prefix, end - DICTIONARY), end) };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function readVarint(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let at = from; at < bytes.length; at++, scale *= 128) {
    const byte = bytes[at]!;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at + 1];
  }
  throw new Error("a delta that breaks off");
}
