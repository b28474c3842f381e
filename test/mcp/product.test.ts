/** The product's own tools over HTTP, for callers who may do more and less, and who know each other's handles. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { SCOPES } from "../../src/mcp/scopes.ts";
import { mcpServers, TOOLS } from "../../src/mcp/server.ts";
import { type Answered, type Started } from "./http.ts";
import { servingIn } from "./serving.ts";
import { start } from "./started.ts";

const CALLERS = { ann: {}, bob: {}, reader: { scopes: ["tidemark:read"] }, writer: { scopes: ["tidemark:write"] }, restorer: { scopes: ["tidemark:restore"] } };

/** `now`: added to the clock. */
async function product(now: () => number = () => 0): Promise<{ readonly server: Started; readonly call: (token: string, name: string, input?: object) => Promise<Answered> }> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-product-"));
  const world = await servingIn(folder);
  const server = await start({ tokens: CALLERS, factory: mcpServers({ ...world.serving, clock: () => Date.now() + now() }) });
  onTestFinished(async () => {
    await server.stop();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { server, call: (token, name, input = {}) => server.modern("tools/call", { name, arguments: input }, { token }) };
}

const said = ({ message }: Answered): string => message.result.content[0].text;

describe("tools", () => {
  test("say all of what they do, and take the scope that goes with it", () => {
    const SCOPE_OF = { resume: "tidemark:read", recall: "tidemark:read", remember: "tidemark:write", handoff: "tidemark:write", checkpoint: "tidemark:write", undo: "tidemark:restore", forget: "tidemark:admin" };
    expect(Object.fromEntries(TOOLS.map(({ name, scope }) => [name, scope]))).toEqual(SCOPE_OF);
    for (const { name, scope, hints } of TOOLS) {
      expect([name, ...Object.values(hints).map((hint) => typeof hint)]).toEqual([name, "boolean", "boolean", "boolean", "boolean"]);
      expect([name, hints.readOnlyHint]).toEqual([name, scope === "tidemark:read"]);
      expect([name, hints.destructiveHint]).toEqual([name, scope === "tidemark:restore" || scope === "tidemark:admin"]);
    }
  });

  test("are listed the same for everybody, in one order, so that a step up can be asked for", async () => {
    const { server } = await product();
    const lists = [];
    for (const token of ["ann", "reader", "restorer", "ann"]) lists.push((await server.modern("tools/list", {}, { token })).message.result.tools);
    for (const each of lists) expect(each).toEqual(lists[0]);
    expect(lists[0].map(({ name }: { name: string }) => name)).toEqual(TOOLS.map(({ name }) => name));
    for (const { annotations } of lists[0]) expect(Object.keys(annotations).sort()).toEqual(["destructiveHint", "idempotentHint", "openWorldHint", "readOnlyHint"]);
  });

  test("beyond a caller's scope are refused before they are called, whatever they are called with", async () => {
    const { call } = await product();
    for (const [token, allowed] of [["reader", 1], ["writer", 2], ["restorer", 3], ["ann", 4]] as const)
      for (const { name, scope } of TOOLS) {
        const { status } = await call(token, name, { nonsense: true });
        expect([token, name, status]).toEqual([token, name, SCOPES.indexOf(scope) < allowed ? 200 : 403]);
      }
  });
});

describe("state handle hijacking", () => {
  test("a handle is not authentication: another principal's is as unknown as a forged one", async () => {
    const { server, call } = await product();
    const handle = /s_[0-9a-f]{24}/.exec(said(await call("ann", "resume")))![0];
    expect(said(await call("ann", "undo", { handle }))).not.toContain("no such handle");
    const [other, forged] = [await call("bob", "undo", { handle }), await call("bob", "undo", { handle: `s_${"0".repeat(24)}` })];
    expect(said(other)).toContain("no such handle");
    expect(said(other)).toBe(said(forged));
    expect((await server.modern("tools/call", { name: "undo", arguments: { handle } })).status).toBe(401);
  });

  test("handles are random and expire", async () => {
    let later = 0;
    const { call } = await product(() => later);
    const handles = [];
    for (let n = 0; n < 20; n++) handles.push(/s_([0-9a-f]{24})/.exec(said(await call("ann", "resume")))![1]!);
    expect(new Set(handles).size).toBe(20);
    expect(new Set(handles.map((each) => each.slice(0, 6))).size).toBeGreaterThan(15);
    later = 25 * 60 * 60_000;
    expect(said(await call("ann", "undo", { handle: `s_${handles[0]!}` }))).toContain("no such handle");
  });

  test("what one was shown to erase, another cannot carry out; its owner can, once", async () => {
    const { call } = await product();
    const id = / ([\w-]+), semantic/.exec(said(await call("ann", "remember", { statement: "The deploy key is kept in the safe.", kind: "semantic" })))![1]!;
    const token = /f_[0-9a-f]{24}/.exec(said(await call("ann", "forget", { id })))![0];
    const [other, forged] = [await call("bob", "forget", { token }), await call("bob", "forget", { token: `f_${"0".repeat(24)}` })];
    expect([other.message.result.isError, said(other)]).toEqual([true, said(forged)]);
    expect(said(await call("ann", "recall", { query: "deploy key safe" }))).toContain("kept in the safe");
    expect(said(await call("ann", "forget", { token }))).toContain("erased for good");
    expect(said(await call("ann", "forget", { token }))).toContain("erased for good");
    expect(said(await call("ann", "recall", { query: "deploy key safe" }))).not.toContain("kept in the safe");
  });

  test("tokens that were made up are refused for undo, too", async () => {
    const { call } = await product();
    for (const token of ["", "u_", `u_${"0".repeat(24)}`, "../../etc/passwd", "u_\u0000", "x".repeat(200)]) expect((await call("ann", "undo", { token })).message.result?.isError ?? true).toBe(true);
  });
});
