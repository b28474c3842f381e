/** What would be written, kept and refused, and in which order: told cases, and random histories against a model of layers. */
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { History, numberOf, version } from "../../test/history.ts";
import { lastUndo } from "./chain.ts";
import type { PlanItem, State } from "./model.ts";
import { plan, restoreTo, selectCall, selectIds, selectSession, selectTurns, type PlanOptions, type Selection } from "./plan.ts";

const P = "a.txt";

function planOf(h: History, { selected, ambiguous }: Selection, mode: PlanOptions["mode"] = "keep", more: Partial<PlanOptions> = {}): PlanItem[] {
  return plan(h.paths, selected, { mode, ...(ambiguous === undefined ? {} : { ambiguous }), ...more });
}

/** Action and content: "write 3". */
const short = (items: readonly PlanItem[]): string[] => items.map(({ path, action, target }) => `${path}: ${action}${action === "write" ? ` ${numberOf(target)}` : ""}`);
const turn = (h: History, t: string, session = "s1"): Selection => selectTurns([{ session, checkpoints: h.ofTurn(session, t) }]);

describe("one path", () => {
  const link: State = { type: "link", mode: 0, size: 3, content: "sha256:7" };
  const executable = version(1, 0o755);
  type Tell = (h: History) => void;
  const a = (value: State | number, t = "t1"): Tell => (h) => void h.agent("s1", t, { [P]: value });
  const other = (value: number): Tell => (h) => void h.agent("s2", "x", { [P]: value });
  const user = (value: State | number): Tell => (h) => void h.outside({ [P]: value });
  const undo = (value: number, ...ids: string[]): Tell => (h) => void h.restore("undo", ids, { [P]: value });

  /** Of turn t1 of s1, by mode: what is done and a piece of the reason; undefined where the path is left out. */
  type Expected = readonly [string, RegExp] | undefined;
  const cases: readonly (readonly [string, State | number, readonly Tell[], { keep: Expected; merge: Expected; force: Expected }])[] = [
    ["a change", 1, [a(2)], { keep: ["write 1", /^changed by Edit$/], merge: ["write 1", /Edit/], force: ["write 1", /Edit/] }],
    ["several changes of the turn", 1, [a(2), a(3), a(4)], { keep: ["write 1", /Edit/], merge: ["write 1", /Edit/], force: ["write 1", /Edit/] }],
    ["a new file", 0, [a(2)], { keep: ["delete", /^created by Edit$/], merge: ["delete", /created/], force: ["delete", /created/] }],
    ["a deleted file", 1, [a(0)], { keep: ["write 1", /^deleted by Edit$/], merge: ["write 1", /deleted/], force: ["write 1", /deleted/] }],
    ["permissions", 1, [a(executable)], { keep: ["write 1", /other permissions/], merge: ["write 1", /permissions/], force: ["write 1", /permissions/] }],
    ["created and deleted again", 0, [a(2), a(0)], { keep: undefined, merge: undefined, force: undefined }],
    ["nothing of the turn", 1, [user(2)], { keep: undefined, merge: undefined, force: undefined }],
    ["only what another session did", 1, [other(2)], { keep: undefined, merge: undefined, force: undefined }],
    ["below the user's change", 1, [a(2), user(3)], { keep: ["keep", /^you or another program changed it since \(checkpoint 2, c2\)$/], merge: ["merge", /merged, because you/], force: ["write 1", /by force, although you/] }],
    ["below another session's", 1, [a(2), other(3)], { keep: ["keep", /session s2 changed it since/], merge: ["merge", /session s2/], force: ["write 1", /session s2/] }],
    ["below a later turn's", 1, [a(2), a(3, "t2")], { keep: ["keep", /this session changed it since/], merge: ["merge", /this session/], force: ["write 1", /this session/] }],
    ["a user's new file that the agent changed", 0, [user(2), a(3)], { keep: ["write 2", /Edit/], merge: ["write 2", /Edit/], force: ["write 2", /Edit/] }],
    ["the user's change in between stays", 1, [a(2), user(3), a(4)], { keep: ["write 3", /further back stays, because you/], merge: ["write 3", /further back stays/], force: ["write 1", /by force/] }],
    ["the user deleted it since", 1, [a(2), user(0)], { keep: ["keep", /you/], merge: ["keep", /not a file throughout/], force: ["write 1", /deleted|by force/] }],
    ["the user went back already", 1, [a(2), user(1)], { keep: undefined, merge: undefined, force: undefined }],
    ["what the user made of it is what stood there before, under a further change", 1, [a(2), user(1), a(3)], { keep: ["write 1", /^changed by Edit$/], merge: ["write 1", /^changed by Edit$/], force: ["write 1", /^changed by Edit$/] }],
    ["the agent went back itself, past the user's change", 1, [a(2), user(3), a(1)], { keep: ["write 3", /further back stays/], merge: ["write 3", /Edit/], force: undefined }],
    ["two stretches below others", 1, [a(2), user(3), a(4), user(5)], { keep: ["keep", /you/], merge: ["keep", /more than once/], force: ["write 1", /by force/] }],
    ["a new file that the user changed", 0, [a(2), user(3)], { keep: ["keep", /you/], merge: ["keep", /not a file throughout/], force: ["delete", /by force/] }],
    ["the user changed the permissions only", 1, [a(2), user(version(2, 0o755))], { keep: ["keep", /you/], merge: ["write 1", /merged/], force: ["write 1", /by force/] }],
    ["the agent changed the permissions only", version(1, 0o600), [a(version(1, 0o644)), user(3)], { keep: ["keep", /you/], merge: ["write 3", /merged/], force: ["write 1", /by force/] }],
    ["a link", link, [a(2)], { keep: ["write 7", /changed/], merge: ["write 7", /changed/], force: ["write 7", /changed/] }],
    ["a link, changed since", link, [a(2), user(3)], { keep: ["keep", /you/], merge: ["keep", /not a file throughout/], force: ["write 7", /by force/] }],
    ["undone already", 1, [a(2), undo(1, "c1")], { keep: undefined, merge: undefined, force: undefined }],
    ["undone and redone", 1, [a(2), undo(1, "c1"), undo(2, "c2")], { keep: ["write 1", /Edit/], merge: ["write 1", /Edit/], force: ["write 1", /Edit/] }],
    ["undone by a merge", 1, [a(2), user(3), undo(4, "c1")], { keep: undefined, merge: undefined, force: undefined }],
    ["undone by force", 1, [a(2), user(3), undo(1, "c1")], { keep: undefined, merge: undefined, force: undefined }],
    ["a later turn undone above it", 1, [a(2), a(3, "t2"), undo(2, "c2")], { keep: ["write 1", /Edit/], merge: ["write 1", /Edit/], force: ["write 1", /Edit/] }],
    ["what stood before was never kept", "unknown", [a(2)], { keep: ["refuse", /was never kept/], merge: ["refuse", /never kept/], force: ["refuse", /never kept/] }],
    ["what stood before was never kept, and it is gone now", "unknown", [a(0)], { keep: ["refuse", /never kept/], merge: ["refuse", /never kept/], force: ["refuse", /never kept/] }],
    ["what stands there now was not kept", 1, [a("unknown")], { keep: ["refuse", /replacing it would lose it/], merge: ["refuse", /lose it/], force: ["refuse", /lose it/] }],
    ["the user's bytes were not kept", 1, [a(2), user("unknown")], { keep: ["keep", /you/], merge: ["keep", /not a file throughout/], force: ["refuse", /lose it/] }],
    ["unknown in between only", 1, [a("unknown"), a(2)], { keep: ["write 1", /Edit/], merge: ["write 1", /Edit/], force: ["write 1", /Edit/] }],
  ];
  for (const mode of ["keep", "merge", "force"] as const) {
    test.each(cases)(`${mode}: %s`, (_, first, told, expected) => {
      const h = new History({ [P]: typeof first === "number" ? version(first) : first });
      for (const each of told) each(h);
      const items = planOf(h, turn(h, "t1"), mode, { owner: "s1" });
      const [what, reason] = expected[mode] ?? [undefined, undefined];
      expect(short(items)).toEqual(what === undefined ? [] : [`${P}: ${what}`]);
      if (reason !== undefined) expect(items[0]!.reason).toMatch(reason);
      for (const item of items) {
        expect(item.expected).toEqual(h.present(P));
        if (item.action === "keep" || item.action === "refuse") expect(item.target).toEqual(item.expected);
      }
    });
  }

  test("a merge has what the agent left, what stood before it, and the permissions of all three", () => {
    const h = new History({ [P]: version(1, 0o755) });
    h.agent("s1", "t1", { [P]: version(2, 0o755) });
    h.agent("s1", "t1", { [P]: version(3, 0o644) });
    h.outside({ [P]: version(4, 0o644) });
    expect(planOf(h, turn(h, "t1"), "merge")[0]).toMatchObject({ action: "merge", expected: version(4, 0o644), target: version(4, 0o755), merge: { base: version(3, 0o644), theirs: version(1, 0o755) } });
  });

  test("a process left running is named as one that may have done it", () => {
    const h = new History({ [P]: 1 });
    h.agent("s1", "t1", { [P]: 2 });
    h.outside({ [P]: 3 }, [{ session: "s1", call: "toolu_9" }]);
    expect(planOf(h, turn(h, "t1"))[0]!.reason).toBe("you, or what call toolu_9 left running, changed it since (checkpoint 2, c2)");
  });

  test("where a record is gone, nothing is taken back across the gap", () => {
    const h = new History({ [P]: 1 });
    h.agent("s1", "t1", { [P]: 2 });
    h.outside({ [P]: 3 });
    h.agent("s1", "t1", { [P]: 4 });
    h.paths.set(P, h.entries(P).filter(({ checkpoint }) => checkpoint.id !== "c2"));
    const [item] = planOf(h, turn(h, "t1"));
    expect(short([item!])).toEqual([`${P}: write 3`]);
    expect(item!.reason).toMatch(/something changed it since \(its record is gone\)/);
    expect(short(planOf(h, selectIds(["c1"])))).toEqual([`${P}: keep`]);
  });

  test("files of ours go back with nothing, wherever they are", () => {
    const h = new History();
    h.agent("s1", "t1", { "CLAUDE.session.md": 2, "sub/CLAUDE.session.md": 2, "CLAUDE.session.md.txt": 2 });
    for (const mode of ["keep", "force"] as const) expect(short(planOf(h, turn(h, "t1"), mode))).toEqual(["CLAUDE.session.md.txt: delete"]);
  });

  test("redo brings back what the undo took, unless it was changed since", () => {
    const h = new History({ [P]: 1, b: 1 });
    h.agent("s1", "t1", { [P]: 2, b: 2 });
    const { id } = h.restore("undo", ["c1"], { [P]: 1, b: 1 });
    h.outside({ b: 5 });
    expect(short(planOf(h, selectIds([id])))).toEqual([`${P}: write 2`, "b: keep"]);
    expect(planOf(h, selectIds([id]), "merge").find(({ path }) => path === "b")).toMatchObject({ action: "merge", merge: { base: version(1), theirs: version(2) } });
    expect(short(planOf(h, selectIds([id]), "force"))).toEqual([`${P}: write 2`, "b: write 2"]);
  });

  test("an undo that was redone is not in the way of anything, and selecting it does nothing", () => {
    const h = new History({ [P]: 1 });
    h.agent("s1", "t1", { [P]: 2 });
    h.restore("undo", ["c1"], { [P]: 1 });
    h.restore("redo", ["c2"], { [P]: 2 });
    expect(planOf(h, selectIds(["c2"]), "force")).toEqual([]);
    expect(short(planOf(h, selectIds(["c3"])))).toEqual([`${P}: write 1`]);
  });
});

describe("who is meant", () => {
  test("a call: alone it goes back, among others it is refused and they are named", () => {
    const h = new History({ one: 1, two: 1, three: 1, four: 1 });
    h.agent("s1", "t1", { one: 2 }, [{ id: "A", tool: "Bash" }]);
    h.agent("s1", "t1", { two: 2 }, [{ id: "A", tool: "Bash" }, { id: "B", tool: "Edit" }]);
    h.agent("s1", "t1", { three: 2 }, [{ id: "A", tool: "Bash" }], [{ session: "s2", call: "C" }]);
    h.agent("s1", "t1", { four: 2 }, [{ id: "D", tool: "Bash" }]);
    const items = planOf(h, selectCall("A"));
    expect(short(items)).toEqual(["one: write 1", "three: refuse", "two: refuse"]);
    expect(items[1]!.reason).toBe("C of session s2 ran at the same time and may have changed it");
    expect(items[2]!.reason).toBe("Edit B ran at the same time and may have changed it");
    // The call of the other session is a candidate too.
    expect(short(planOf(h, selectCall("C")))).toEqual(["three: refuse"]);
    expect(short(planOf(h, selectCall("A"), "force"))).toEqual(["one: write 1", "three: refuse", "two: refuse"]);
  });

  test("nothing to do is no reason to refuse", () => {
    const h = new History({ x: 1 });
    h.agent("s1", "t1", { x: 2 }, [{ id: "A", tool: "Bash" }, { id: "B", tool: "Edit" }]);
    h.outside({ x: 1 });
    expect(planOf(h, selectCall("A"))).toEqual([]);
  });

  test("a call that retention merged with the others of its turn", () => {
    const h = new History();
    h.seal({ by: "agent", agent: "claude-code", session: "s1", turn: "t1", calls: [{ id: "A", tool: "Bash" }] }, { x: 1 }, { compacted: true });
    expect(planOf(h, selectCall("A"))[0]).toMatchObject({ action: "refuse", reason: expect.stringContaining("only the whole turn") });
    expect(planOf(h, turn(h, "t1"))[0]).toMatchObject({ action: "delete", reason: "created by the agent" });
  });

  test("a turn or session: what another session may have done is refused, whoever it is set down for", () => {
    const h = new History({ one: 1, two: 1, three: 1 });
    h.agent("s1", "t1", { one: 2 }, [{ id: "A", tool: "Bash" }], [{ session: "s2", call: "C" }]);
    h.agent("s2", "x", { two: 2 }, [{ id: "C", tool: "Bash" }], [{ session: "s1", call: "A" }]);
    h.agent("s1", "t1", { three: 2 });
    expect(short(planOf(h, turn(h, "t1")))).toEqual(["three: write 1", "one: refuse"]);
    expect(planOf(h, turn(h, "t1"))[1]!.reason).toBe("session s2 worked at the same time and may have changed it");
    expect(short(planOf(h, selectSession("s1")))).toEqual(["three: write 1", "one: refuse", "two: refuse"]);
    expect(planOf(h, selectSession("s1"))[2]!.reason).toBe("session s2 worked at the same time and may have changed it");
    const both = selectTurns([{ session: "s1", checkpoints: h.ofTurn("s1", "t1") }, { session: "s2", checkpoints: h.ofTurn("s2", "x") }]);
    expect(short(planOf(h, both))).toEqual(["one: write 1", "three: write 1", "two: write 1"]);
  });

  test("turns of the same name in two sessions are two", () => {
    const h = new History({ one: 1, two: 1 });
    h.agent("s1", "t1", { one: 2 });
    h.agent("s2", "t1", { two: 2 });
    expect(short(planOf(h, turn(h, "t1", "s2")))).toEqual(["two: write 1"]);
  });
});

describe("restoreTo", () => {
  const tell = (): History => {
    const h = new History({ early: 1, mine: 1, both: 1, undone: 1, between: 1 });
    h.agent("s1", "t1", { early: 2, undone: 2 });
    h.seal({ by: "outside" }, {}, { kind: "manual" });
    h.agent("s1", "t2", { mine: 2, both: 2, between: 2 });
    h.outside({ both: 3, between: 3 });
    h.agent("s2", "x", { mine: 3, between: 4 });
    h.restore("undo", ["c1"], { undone: 1 }, "s1");
    return h;
  };
  const at = (h: History): (typeof h.checkpoints)[number] => h.checkpoints[1]!;

  test("agents' changes go, and their undos; the user's stay", () => {
    const h = tell();
    expect(short(planOf(h, restoreTo(at(h), h.checkpoints)))).toEqual(["between: write 3", "mine: write 1", "undone: write 2", "both: keep"]);
  });

  test("of one session only", () => {
    const h = tell();
    expect(short(planOf(h, restoreTo(at(h), h.checkpoints, { session: "s1" })))).toEqual(["undone: write 2", "between: keep", "both: keep", "mine: keep"]);
    expect(short(planOf(h, restoreTo(at(h), h.checkpoints, { session: "s2" })))).toEqual(["between: write 3", "mine: write 2"]);
  });

  test("by force: exactly what stood there", () => {
    const h = tell();
    expect(short(planOf(h, restoreTo(at(h), h.checkpoints, { force: true }), "force"))).toEqual(["between: write 1", "both: write 1", "mine: write 1", "undone: write 2"]);
  });

  test("an undo that took back another session's work too is not the session's own", () => {
    const h = new History({ one: 1, two: 1 });
    h.agent("s1", "t1", { one: 2 });
    h.agent("s2", "x", { two: 2 });
    h.seal({ by: "outside" }, {}, { kind: "manual" });
    h.restore("undo", ["c1", "c2"], { one: 1, two: 1 });
    expect(planOf(h, restoreTo(h.checkpoints[2]!, h.checkpoints, { session: "s1" }))).toEqual([]);
    expect(short(planOf(h, restoreTo(h.checkpoints[2]!, h.checkpoints)))).toEqual(["one: write 2", "two: write 2"]);
  });

  test("to before something that was undone since: nothing to do", () => {
    const h = new History({ one: 1 });
    h.seal({ by: "outside" }, {}, { kind: "manual" });
    h.agent("s1", "t1", { one: 2 });
    h.restore("undo", ["c2"], { one: 1 });
    expect(planOf(h, restoreTo(h.checkpoints[0]!, h.checkpoints))).toEqual([]);
  });
});

describe("order, and names that are a file here and a folder there", () => {
  test("deletions from the deepest up, then what is written, then the rest", () => {
    const h = new History({ "z.txt": 1, "kept.txt": 1 });
    h.agent("s1", "t1", { "d/e/f.txt": 2, "d/a.txt": 2, "b.txt": 2, "z.txt": 2, "kept.txt": 2 });
    h.outside({ "kept.txt": 3 });
    expect(short(planOf(h, turn(h, "t1")))).toEqual(["d/e/f.txt: delete", "d/a.txt: delete", "b.txt: delete", "z.txt: write 1", "kept.txt: keep"]);
  });

  test("a file that became a folder, and a folder that became a file", () => {
    const h = new History({ x: 1, "y/a": 1 });
    h.agent("s1", "t1", { x: 0, "x/a": 2, "x/b/c": 2, "y/a": 0, y: 2 });
    expect(short(planOf(h, turn(h, "t1")))).toEqual(["x/b/c: delete", "x/a: delete", "y: delete", "x: write 1", "y/a: write 1"]);
  });

  test("the user's file stands where the folder was", () => {
    const h = new History({ "d/a": 1, "d/e/b": 1 });
    h.agent("s1", "t1", { "d/a": 0, "d/e/b": 0 });
    h.outside({ d: 5 });
    const items = planOf(h, turn(h, "t1"));
    expect(short(items)).toEqual(["d/a: refuse", "d/e/b: refuse"]);
    expect(items[0]!.reason).toMatch(/^d stays or becomes a file/);
    expect(items[0]!.target).toBe("absent");
  });

  test("the user's file stands in the folder that took the place of a file", () => {
    const h = new History({ d: 1 });
    h.agent("s1", "t1", { d: 0, "d/a": 2 });
    h.outside({ "d/mine": 5 });
    const items = planOf(h, turn(h, "t1"));
    expect(short(items)).toEqual(["d/a: delete", "d: refuse"]);
    expect(items[1]!.reason).toMatch(/d\/mine in it stays/);
  });

  test("what is in the way may be known from beside the plan only", () => {
    const h = new History({ "d/a": 1 });
    h.agent("s1", "t1", { "d/a": 0 });
    expect(short(planOf(h, turn(h, "t1"), "keep", { beside: new Map([["d", version(5)]]) }))).toEqual(["d/a: refuse"]);
    expect(short(planOf(h, turn(h, "t1"), "keep", { beside: new Map([["d", "absent"]]) }))).toEqual(["d/a: write 1"]);
  });

  test("what may not be deleted stays in the way", () => {
    const h = new History({ d: 1, "e/a": 1 });
    h.agent("s1", "t1", { d: 0, "d/big": "unknown", "e/a": 0, e: "unknown" });
    expect(short(planOf(h, turn(h, "t1")))).toEqual(["d: refuse", "d/big: refuse", "e: refuse", "e/a: refuse"]);
  });

  test("where going back half way would need both, what the user made wins", () => {
    const file = new History({ d: 1 });
    file.agent("s1", "t1", { d: 0, "d/x": 2 });
    file.outside({ "d/x": 3 });
    file.agent("s1", "t1", { "d/x": 4 });
    expect(short(planOf(file, turn(file, "t1")))).toEqual(["d/x: write 3", "d: refuse"]);
    const folder = new History({ "d/x": 1 });
    folder.agent("s1", "t1", { "d/x": 0, d: 2 });
    folder.outside({ d: 3 });
    folder.agent("s1", "t1", { d: 4 });
    expect(short(planOf(folder, turn(folder, "t1")))).toEqual(["d: write 3", "d/x: refuse"]);
  });
});

describe("random histories", () => {
  const seed = seedOf("plan");
  const PATHS = ["a", "b", "c"];

  test(`undo and redo against a model of layers: nothing of anyone else's goes, and every undo can be undone (seed ${seed})`, () => {
    let counted = 0;
    for (let round = 0; round < 400; round++) {
      const random = randomFrom(seed * 17 + round);
      const pick = (below: number): number => Math.floor(random() * below);
      const h = new History(Object.fromEntries(PATHS.map((path) => [path, pick(2)])));
      const first = new Map(PATHS.map((path) => [path, h.present(path)]));
      /** Who wrote what lies in each path, oldest first; every content is new. */
      const layers = new Map(PATHS.map((path) => [path, [] as { id: string; turn?: string; state: State }[]]));
      const undos = new Map<string, Map<string, { under: unknown[]; off: { id: string; turn?: string; state: State }[] }>>();
      const stateOf = (path: string): State => layers.get(path)!.at(-1)?.state ?? first.get(path)!;
      let value = 10;
      for (let step = 0; step < 25; step++) {
        const label = `seed ${seed}, round ${round}, step ${step}`;
        const chance = random();
        if (chance < 0.55) {
          const changes = Object.fromEntries(PATHS.filter(() => random() < 0.5).map((path) => [path, h.present(path) !== "absent" && random() < 0.15 ? 0 : (value += 1)]));
          if (Object.keys(changes).length === 0) continue;
          const [session, t] = [`s${1 + pick(2)}`, `t${1 + pick(4)}`];
          const user = random() < 0.35;
          const { id } = user ? h.outside(changes) : h.agent(session, t, changes);
          for (const [path, n] of Object.entries(changes)) layers.get(path)!.push({ id, ...(user ? {} : { turn: `${session}/${t}` }), state: version(n) });
          continue;
        }
        const redone = chance < 0.75 ? undefined : lastUndo(h.checkpoints);
        const [session, t] = [`s${1 + pick(2)}`, `t${1 + pick(4)}`];
        const items = planOf(h, redone === undefined ? turn(h, t, session) : selectIds([redone.id]));
        const done = Object.fromEntries(items.filter(({ action }) => action === "write" || action === "delete").map(({ path, target }) => [path, target]));
        const off = new Map<string, { under: unknown[]; off: { id: string; turn?: string; state: State }[] }>();
        for (const path of PATHS) {
          const own = layers.get(path)!;
          if (redone === undefined) {
            const keep = own.findLastIndex((layer) => layer.turn !== `${session}/${t}`) + 1;
            let gone = own.splice(keep);
            // Created and taken away again: nothing is put back, so nothing tells later that it was undone.
            if (gone.length > 0 && JSON.stringify(stateOf(path)) === JSON.stringify(gone.at(-1)!.state)) {
              own.push(...gone);
              gone = [];
            }
            off.set(path, { under: [...own], off: gone });
          } else {
            const was = undos.get(redone.id)!.get(path);
            // Only where nothing else happened since.
            if (was !== undefined && was.under.length === own.length && was.under.every((layer, i) => layer === own[i])) own.push(...was.off);
          }
          expect(path in done ? done[path] : h.present(path), `${label}, ${path}`).toEqual(stateOf(path));
        }
        if (Object.keys(done).length === 0) continue;
        counted += 1;
        const undoes = redone === undefined ? h.checkpoints.filter(({ actor }) => actor.by === "agent" && actor.session === session && actor.turn === t).map(({ id }) => id) : [redone.id];
        const { id } = h.restore(redone === undefined ? "undo" : "redo", undoes, done);
        if (redone === undefined) undos.set(id, off);
      }
    }
    expect(counted).toBeGreaterThan(500);
  });

  test(`by force a restore brings back exactly what stood at a checkpoint (seed ${seed})`, () => {
    for (let round = 0; round < 300; round++) {
      const random = randomFrom(seed * 13 + round);
      const h = new History();
      const states: Map<string, State>[] = [];
      for (let step = 0; step < 20; step++) {
        const changes = Object.fromEntries(PATHS.filter(() => random() < 0.5).map((path) => [path, Math.floor(random() * 4)]).filter(([path, n]) => numberOf(h.present(path as string)) !== n));
        const chance = random();
        if (chance < 0.4) h.agent("s1", "t1", changes);
        else if (chance < 0.7) h.outside(changes);
        else if (states.length > 0) {
          const target = h.checkpoints[Math.floor(random() * h.checkpoints.length)]!;
          const label = `seed ${seed}, round ${round}, step ${step}, to ${target.id}`;
          const items = planOf(h, restoreTo(target, h.checkpoints, { force: true }), "force");
          const done = Object.fromEntries(items.map(({ path, target: state }) => [path, state]));
          for (const path of PATHS) expect(done[path] ?? h.present(path), label).toEqual(states[target.seq - 1]!.get(path));
          h.restore("restore", h.checkpoints.filter(({ seq }) => seq > target.seq).map(({ id }) => id), done);
        } else continue;
        states.push(new Map(PATHS.map((path) => [path, h.present(path)])));
      }
    }
  });
});
