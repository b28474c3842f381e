/** Who is said to have changed a file, by what ran when. */
import { describe, expect, test } from "vitest";
import { attribute, type Running } from "./attribute.ts";

const call = (id: string, more: Partial<Running> = {}): Running => ({ id, tool: "Bash", session: "s", agent: "claude-code", turn: "t", started: 1000, ...more });
const at = (ms: number): bigint => BigInt(ms) * 1_000_000n;
const who = (calls: readonly Running[], ctime?: bigint, path = "a"): unknown => attribute([{ path, ...(ctime === undefined ? {} : { ctime }) }], calls, 900)[0]!.actor;

describe("whose change it is", () => {
  test("nobody at work: outside", () => expect(who([])).toEqual({ by: "outside" }));

  test("one call at work: its own", () => expect(who([call("c")], at(1500))).toMatchObject({ by: "agent", session: "s", turn: "t", calls: [{ id: "c", tool: "Bash" }] }));

  test("changed before the call began, or after it ended: outside", () => {
    expect(who([call("c")], at(950))).toEqual({ by: "outside" });
    expect(who([call("c", { ended: 1100 })], at(1500))).toEqual({ by: "outside" });
  });

  test("a file's clock may be a tick behind", () => expect(who([call("c")], at(990))).toMatchObject({ by: "agent" }));

  test("an edit tool is not asked about other paths", () => expect(who([call("c", { tool: "Edit", path: "b" })], at(1500))).toEqual({ by: "outside" }));

  test("two at the same time: both, and each by its session", () => {
    expect(who([call("c"), call("d")], at(1500))).toMatchObject({ calls: [{ id: "c" }, { id: "d" }] });
    expect(who([call("c"), call("d", { session: "other" })], at(1500))).toMatchObject({ session: "s", calls: [{ id: "c" }], others: [{ session: "other", call: "d" }] });
  });

  test("a call that was over before the last look is no candidate", () => expect(who([call("c", { ended: 800 })])).toEqual({ by: "outside" }));

  test("what was left running is named as a possibility, not as the one who did it", () => expect(who([call("c", { background: true })], at(9000))).toEqual({ by: "outside", maybe: [{ session: "s", call: "c" }] }));

  test("a deletion has no time: whoever was at work", () => expect(who([call("c", { ended: 1100 })])).toMatchObject({ calls: [{ id: "c" }] }));

  test("what came from outside stands first", () => {
    const groups = attribute([{ path: "a", ctime: at(1500) }, { path: "b", ctime: at(950) }], [call("c")], 900);
    expect(groups.map(({ actor, changes }) => [actor.by, changes.map(({ path }) => path)])).toEqual([["outside", ["b"]], ["agent", ["a"]]]);
  });
});
