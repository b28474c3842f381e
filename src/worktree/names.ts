/**
 * Names as the file system has them, which are bytes, and as paths of a tree, which are texts. A byte that is not UTF-8
 * becomes the lone surrogate U+DC00 + byte (PEP 383), so that every name goes through and comes back; a name that is
 * UTF-8, all but a few, stays as it is.
 */
import type { TreePath } from "../checkpoint/model.ts";

const ESCAPED = /[\uDC80-\uDCFF]/;
/** A lone one: the second half of a pair is part of a character. */
const LONE = /(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/;

/** What Node puts where bytes are no UTF-8: a name with it has to be read again as bytes. */
export const REPLACED = "�";

export function isEscaped(path: string): boolean {
  return ESCAPED.test(path) && LONE.test(path);
}

/** The bytes of a path of a tree. */
export function bytesOf(path: TreePath): Buffer {
  if (!isEscaped(path)) return Buffer.from(path, "utf8");
  const parts: Buffer[] = [];
  for (const character of path) {
    const code = character.codePointAt(0)!;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
}

/** The path of a tree for these bytes. */
export function pathOf(bytes: Uint8Array): TreePath {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const plain = buffer.toString("utf8");
  if (!plain.includes(REPLACED) || Buffer.from(plain, "utf8").equals(buffer)) return plain;
  let path = "";
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceAt(buffer, at);
    path += length === 0 ? String.fromCharCode(0xdc00 + buffer[at]!) : buffer.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return path;
}

/** What the functions of node:fs take for a path below a root. */
export function onDisk(root: string, path: TreePath): string | Buffer {
  const whole = root === "/" ? `/${path}` : `${root}/${path}`;
  return isEscaped(path) ? Buffer.concat([Buffer.from(root === "/" ? "/" : `${root}/`, "utf8"), bytesOf(path)]) : whole;
}

/** Length of the UTF-8 sequence that begins here; 0 where there is none. */
function sequenceAt(buffer: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= buffer.length; length++) {
    const part = buffer.subarray(at, at + length);
    const text = part.toString("utf8");
    if (!text.includes(REPLACED) || Buffer.from(text, "utf8").equals(part)) return length;
  }
  return 0;
}
