/** Which facts are likelier to be needed again. */
import { describe, expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { foldSession } from "../session/fold.ts";
import { collectFacts } from "./facts.ts";
import { rankFacts } from "./rank.ts";

function orderOf(tell: (c: Conversation) => void, goesOn = false): string[] {
  const story = foldSession("s1", conversation(tell));
  return rankFacts(collectFacts(story.turns), story, goesOn).map(({ fact }) => fact.text);
}

/** Of two facts the one that comes first. */
const first = (order: readonly string[], a: string, b: string): string => {
  expect(order).toEqual(expect.arrayContaining([a, b]));
  return order.indexOf(a) < order.indexOf(b) ? a : b;
};

describe("rankFacts", () => {
  test("what was used last comes before what was seen once at the beginning", () => {
    const order = orderOf((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/first.ts" }, "const forgottenName = 1;");
      for (let i = 0; i < 40; i++) c.call("Grep", { pattern: "currentName" }, "src/now.ts: currentName");
    });
    expect(first(order, "currentName", "forgottenName")).toBe("currentName");
  });

  test("a function comes before a variable that was shown beside it", () => {
    const order = orderOf((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/a.ts" }, "function anyHelper() { const aVariable = 1; }");
    });
    expect(first(order, "anyHelper", "aVariable")).toBe("anyHelper");
  });

  test("of two names met alike the one whose words the last request has comes first", () => {
    const order = orderOf((c) => {
      c.user("Look around");
      c.call("Read", { file_path: "/p/a.ts" }, "function writeInvoice() {}\nfunction aboutNothing() {}");
      c.agent("Done.");
      c.user("Now send the invoice twice");
    });
    expect(first(order, "writeInvoice", "aboutNothing")).toBe("writeInvoice");
  });

  test("what was put aside at a compaction counts less where work goes on than where it begins anew", () => {
    const told = conversation((c) => {
      c.user("go");
      for (let i = 0; i < 8; i++) c.call("Grep", { pattern: "earlyHelper" }, "src/early.ts: earlyHelper");
    });
    const compacted = { ...told.at(-1)!, id: "compact", type: "session.compacted" as const, payload: {}, record: "compact" };
    const on = { ...told.find(({ type }) => type === "tool.called")!, id: "call-on", record: "on", parent: "compact", payload: { tool: "Grep", input: { pattern: "laterHelper" } } };
    const story = foldSession("s1", [...told, compacted, on] as never);
    const chance = (goesOn: boolean): number => rankFacts(collectFacts(story.turns), story, goesOn).find(({ fact }) => fact.text === "earlyHelper")!.chance;
    expect(chance(true)).toBeLessThan(chance(false) / 2);
  });
});
