/** Files, names and commands taken from a session. */
import { describe, expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { foldSession } from "../session/fold.ts";
import { collectFacts, type Facts } from "./facts.ts";
import { rankFacts } from "./rank.ts";

const factsOf = (tell: (c: Conversation) => void): Facts => collectFacts(foldSession("s1", conversation(tell)).turns);

describe("collectFacts", () => {
  test("a name belongs to the file it was written into more than to one it was seen in", () => {
    const { facts } = factsOf((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/seen.ts" }, "parseHeader()");
      c.call("Edit", { file_path: "/p/written.ts", old_string: "a", new_string: "parseHeader()" }, "ok");
    });
    const [home] = [...facts.get("name:parseHeader")!.files].sort((a, b) => b[1] - a[1]);
    expect(home![0]).toBe("written.ts");
  });

  test("a name in prose belongs to the file named shortly before it", () => {
    const { facts } = factsOf((c) => {
      c.user("go");
      c.agent("In uploader.ts the function sendChunk is called twice.");
    });
    expect([...facts.get("name:sendChunk")!.files.keys()]).toEqual(["uploader.ts"]);
  });

  test("after a compaction the file a name was met in later counts more", () => {
    const events = conversation((c) => {
      c.user("go");
      for (let i = 0; i < 3; i++) c.call("Read", { file_path: "/p/early.ts" }, "sharedHelper()");
      c.agent("Done for now.");
    });
    const compacted = { ...events.at(-1)!, id: "compact", type: "session.compacted" as const, payload: {}, record: "compact" };
    const later = conversation((c) => {
      c.user("on");
      c.call("Read", { file_path: "/p/late.ts" }, "sharedHelper()");
    }).slice(1).map((each) => ({ ...each, id: `later-${each.id}`, ...("call" in each.payload ? { payload: { ...each.payload, call: `later-${each.payload.call}` } } : {}), record: `later-${each.record}`, parent: each.parent === undefined ? "compact" : `later-${each.parent}` }));
    const { facts } = collectFacts(foldSession("s1", [...events, compacted, ...later] as never).turns);
    const [home] = [...facts.get("name:sharedHelper")!.files].sort((a, b) => b[1] - a[1]);
    expect(home![0]).toBe("late.ts");
  });

  test("a command keeps its last outcome and the line that says what failed", () => {
    const { commands } = factsOf((c) => {
      c.user("go");
      c.call("Bash", { command: "go test ./..." }, "ok");
      c.call("Bash", { command: "go test ./..." }, "Exit code 1\nsetup\n--- FAIL: TestRetry (0.00s)", "failed");
    });
    expect(commands.get("go test ./...")).toMatchObject({ runs: 2, passes: 1, last: "failed", failure: "--- FAIL: TestRetry (0.00s)" });
  });

  test("what was used last is likelier to be needed than what was seen once at the beginning", () => {
    const facts = factsOf((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/first.ts" }, "const forgottenName = 1;");
      for (let i = 0; i < 40; i++) c.call("Grep", { pattern: "currentName" }, "src/now.ts: currentName");
    });
    const order = rankFacts(facts, 1).map(({ fact }) => fact.text);
    expect(order.indexOf("currentName")).toBeLessThan(order.indexOf("forgottenName"));
  });
});
