/** `tidemark mcp` on the built command line, with the SDK's own client in both eras. */
import { beforeAll, afterAll, describe, expect, test } from "vitest";
import { idOf, place, tidemark } from "../helpers.ts";
import { connect, ERAS } from "../mcp.ts";

const filled = place(["197 main", "error handling"], afterAll);
beforeAll(async () => {
  const { code, err } = await tidemark(filled, ["import"]);
  if (code !== 0) throw new Error(err);
});

describe.each(ERAS)("in the %s era", (era) => {
  test("resume gives the brief that the command gives", async () => {
    const { call, err } = await connect(filled, era);
    const { text } = await call("resume", { session: "5972f1c9" });
    expect(text).toContain("Add a greeting and run the check");
    expect(text).toContain(idOf("197 main").slice(0, 8));
    expect(err()).toBe("");
  });

  test("what cannot be done is a tool error that says what to do instead", async () => {
    const { call } = await connect(filled, era);
    expect(await call("resume", { session: "nonesuch" })).toEqual({ text: 'No session begins with "nonesuch". tidemark sessions', isError: true });
    expect(await call("resume")).toMatchObject({ isError: true, text: expect.stringContaining("No session of") });
  });
});
