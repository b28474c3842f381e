/**
 * Canonical JSON: one text for one value, so that hashes are stable. Object keys in code-unit order, no white
 * space, `undefined` members dropped; numbers and strings as JSON.stringify writes them, which is what RFC 8785
 * asks for. Changing this changes every hash in every log.
 */

export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  let inOrder = true;
  for (let i = 1; i < keys.length; i++) if (keys[i - 1]! > keys[i]!) inOrder = false;
  if (!inOrder) keys.sort();
  // Without a prototype "__proto__" in untrusted input is a plain member instead of a setter.
  const result: Record<string, unknown> = Object.create(null);
  for (const key of keys) result[key] = sorted((value as Record<string, unknown>)[key]);
  return result;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
