/** SHA-256, the only hash of the project: of text (UTF-8) or bytes, as bytes or hex. */
import { createHash } from "node:crypto";

export function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function sha256Hex(...parts: (string | Uint8Array)[]): string {
  return sha256(...parts).toString("hex");
}
