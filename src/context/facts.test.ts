/** Files, names and commands taken from a session. */
import { describe, expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { foldSession } from "../session/fold.ts";
import { collectFacts, type Facts } from "./facts.ts";

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

  test("a name belongs to the file that defines it more than to one that uses it often", () => {
    const { facts } = factsOf((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/defines.go" }, "func (s *Store) openLedger(path string) error {");
      c.call("Read", { file_path: "/p/uses.go" }, "openLedger(a)\nopenLedger(b)\nopenLedger(c)");
    });
    const fact = facts.get("name:openLedger")!;
    expect(fact.defined).toBe(1);
    expect([...fact.files].sort((a, b) => b[1] - a[1])[0]![0]).toBe("defines.go");
  });

  test("a name in a long output counts less than in a short one, and the middle of the longest is not read", () => {
    const filler = "word ".repeat(3000);
    const { facts } = factsOf((c) => {
      c.user("go");
      c.call("Bash", { command: "make" }, "shortOutput");
      c.call("Bash", { command: "make all" }, `beginsLong ${filler}${filler} middleOfLong ${filler} endsLong`);
    });
    expect(facts.get("name:shortOutput")!.shown).toBe(1);
    for (const name of ["beginsLong", "endsLong"]) expect(facts.get(`name:${name}`)!.shown).toBeLessThan(0.3);
    expect(facts.has("name:middleOfLong")).toBe(false);
  });

  test("of a subagent's work the files are kept, not the names", () => {
    const events = conversation((c) => {
      c.user("go");
      c.call("Edit", { file_path: "/p/delegated.ts", old_string: "a", new_string: "subagentName()" }, "ok");
    });
    const { facts } = collectFacts(foldSession("s1", events.map((each) => (each.type.startsWith("tool.") ? { ...each, thread: "sub1" } : each))).turns);
    expect(facts.get("file:delegated.ts")).toMatchObject({ use: 1 });
    expect(facts.has("name:subagentName")).toBe(false);
  });

  test("an escaped line end is no part of a file's name", () => {
    const { facts } = factsOf((c) => {
      c.user("go");
      c.call("Bash", { command: "cat log.jsonl" }, '{"files":"a.ts\\nREADME.md"}');
    });
    expect([...facts.keys()]).toContain("file:README.md");
    expect([...facts.keys()]).not.toContain("file:nREADME.md");
  });

  test("what was met before a compaction and not since is stale once work has gone on", () => {
    const told = conversation((c) => {
      c.user("go");
      c.call("Read", { file_path: "/p/early.ts" }, "earlyHelper()");
    });
    const compacted = { ...told.at(-1)!, id: "compact", type: "session.compacted" as const, payload: {}, record: "compact" };
    const stopped = collectFacts(foldSession("s1", [...told, compacted] as never).turns);
    expect(stopped.facts.get("name:earlyHelper")!.stale).toBe(false);
    const on = { ...told.find(({ type }) => type === "tool.called")!, id: "call-on", record: "on", parent: "compact", payload: { tool: "Grep", input: { pattern: "laterHelper" } } };
    const { facts } = collectFacts(foldSession("s1", [...told, compacted, on] as never).turns);
    expect([facts.get("name:earlyHelper")!.stale, facts.get("name:laterHelper")!.stale]).toEqual([true, false]);
    expect(facts.get("name:earlyHelper")!.shown).toBeLessThan(1);
  });

  test("a command keeps its last outcome and the line that says what failed", () => {
    const { commands } = factsOf((c) => {
      c.user("go");
      c.call("Bash", { command: "go test ./..." }, "ok");
      c.call("Bash", { command: "go test ./..." }, "Exit code 1\nsetup\n--- FAIL: TestRetry (0.00s)", "failed");
    });
    expect(commands.get("go test ./...")).toMatchObject({ runs: 2, passes: 1, last: "failed", failure: "--- FAIL: TestRetry (0.00s)" });
  });
});
