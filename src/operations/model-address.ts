/**
 * Where an embedder or a model is asked, as the user may name it: the check of an address, and the key from the variable
 * that holds it. What is kept in the settings holds no secret.
 */
import { TidemarkError } from "../base/errors.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Without a slash at its end. Refuses with BAD_VALUE what is none, what holds a password, and http to another machine where there is a key. */
export function addressOf(given: string, hasKey: boolean): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new TidemarkError("BAD_VALUE", `--url takes an address such as http://127.0.0.1:11434, not "${given}"`);
  if (url.username !== "" || url.password !== "" || url.search !== "") throw new TidemarkError("BAD_VALUE", "--url takes an address without user, password and query: it is kept in a file", { hint: "Put the key into a variable, and name that with --key-env." });
  if (hasKey && url.protocol === "http:" && !isLocal(given)) throw new TidemarkError("BAD_VALUE", `A key is not sent to ${url.host} unencrypted`, { hint: "Give an address with https." });
  return url.href.replace(/\/+$/, "");
}

export function isLocal(url: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/** Undefined where no variable is named. Refused: MODEL_REFUSED where it is empty. `who`: for the message. */
export function keyFrom(name: string | undefined, environment: Variables, who: string): string | undefined {
  if (name === undefined) return undefined;
  const key = environment[name];
  if (key === undefined || key === "") throw new TidemarkError("MODEL_REFUSED", `The variable ${name}, which is to hold the key for ${who}, is not set`, { hint: `export ${name}=…` });
  return key;
}
