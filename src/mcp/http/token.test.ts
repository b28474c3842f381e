/** The file that the token of this machine stands in: made once, and used only where nobody else can read it. */
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { localToken, tokenFile, verifyLocal } from "./token.ts";

const RESOURCE = new URL("http://127.0.0.1:1/mcp");
const word = (character: string) => () => character.repeat(43);

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("the first server makes it for its user alone, the next one finds it, and nothing else is left behind", () => {
  const at = home();
  const token = localToken(at, word("a"));
  expect(token).toBe("a".repeat(43));
  expect(localToken(at, word("b"))).toBe(token);
  expect(readFileSync(tokenFile(at), "utf8")).toBe(`${token}\n`);
  if (process.platform !== "win32") expect(statSync(tokenFile(at)).mode & 0o777).toBe(0o600);
  expect(readdirSync(at)).toEqual(["serve-token"]);
});

test("of two servers that start at once both have the token that came first", () => {
  const at = home();
  const late = localToken(at, () => {
    // The other one is quicker, after this one has seen that there is none.
    if (readdirSync(at).length === 0) {
      writeFileSync(join(at, "other"), `${"c".repeat(43)}\n`, { mode: 0o600 });
      linkSync(join(at, "other"), tokenFile(at));
    }
    return "d".repeat(43);
  });
  expect(late).toBe("c".repeat(43));
});

test.skipIf(process.platform === "win32")("a file that others can read, a link, a folder or a file without a token is not used, and stays as it is", () => {
  const at = home();
  const path = tokenFile(at);
  const refused = (): void => expect(() => localToken(at, word("a"))).toThrow(expect.objectContaining({ code: "TOKEN_EXPOSED" }));
  writeFileSync(path, `${"t".repeat(43)}\n`, { mode: 0o600 });
  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    chmodSync(path, mode);
    refused();
    expect(readFileSync(path, "utf8")).toBe(`${"t".repeat(43)}\n`);
  }
  writeFileSync(path, "short\n");
  chmodSync(path, 0o600);
  refused();
  rmSync(path);
  writeFileSync(join(at, "elsewhere"), `${"t".repeat(43)}\n`, { mode: 0o600 });
  symlinkSync(join(at, "elsewhere"), path);
  refused();
  rmSync(path);
  mkdirSync(path);
  refused();
});

test("only the token itself is good, for everything, at this very server", async () => {
  const verify = verifyLocal("t".repeat(43), RESOURCE);
  expect(await verify("t".repeat(43))).toMatchObject({ principal: "local", scopes: expect.arrayContaining(["tidemark:read", "tidemark:admin"]), audience: RESOURCE.href });
  for (const other of ["", "t", "t".repeat(42), "t".repeat(44), `${"t".repeat(42)}u`, `${"t".repeat(43)}\n`]) expect(await verify(other)).toBeUndefined();
});
