/**
 * The token of this machine: a file in the state folder that only its user can read. Made at the first `tidemark serve`;
 * whoever can read it is the user, as over stdio, and may do everything. It holds until the file is deleted and the server started again.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { SCOPES } from "../scopes.ts";
import { LOCAL } from "../serving.ts";
import type { VerifyToken } from "./gate.ts";

export function tokenFile(home: string): string {
  return join(home, "serve-token");
}

/** `unique` gives a word that nobody can guess. Refused: TOKEN_EXPOSED. */
export function localToken(home: string, unique: () => string): string {
  const path = tokenFile(home);
  return read(path) ?? make(path, unique);
}

/** Good for everything at `resource`. Compared by digests of one length, in a time that does not tell how much was right. */
export function verifyLocal(token: string, resource: URL): VerifyToken {
  const known = digest(token);
  return async (given) => (timingSafeEqual(digest(given), known) ? { principal: LOCAL, scopes: SCOPES, audience: resource.href, expiresAt: Infinity } : undefined);
}

function read(path: string): string | undefined {
  let descriptor: number;
  try {
    // A link could lead to a file that somebody else has chosen, and a pipe would be waited for.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw exposed(path, "it is a link");
    throw error;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw exposed(path, "it is no file");
    // Windows has no such bits; there the folder's own rights keep others out.
    if (process.platform !== "win32" && (stat.mode & 0o077) !== 0) throw exposed(path, "others than you can read or write it");
    const token = readFileSync(descriptor, "utf8").trim();
    if (!/^[\w-]{32,256}$/.test(token)) throw exposed(path, "it holds no token");
    return token;
  } finally {
    closeSync(descriptor);
  }
}

/** Written aside and linked, so that of two servers that start at once both have the same, and neither a half one. */
function make(path: string, unique: () => string): string {
  const part = `${path}.${unique().slice(0, 16)}.part`;
  writeFileSync(part, `${unique()}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(part, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(part);
  }
  const token = read(path);
  if (token === undefined) throw new Error(`${path} was taken away as soon as it was made`);
  return token;
}

function exposed(path: string, why: string): TidemarkError {
  return new TidemarkError("TOKEN_EXPOSED", `The token in ${path} is not used: ${why}`);
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
