/**
 * Every way a session ends, recorded from the real client with its hooks: told as a person would, when the session has
 * just ended and after it was taken up again. What the transcript of an ending lacks, the hooks supply.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Drain } from "../../src/operations/drain.ts";
import { spoolFolder } from "../../src/operations/spool.ts";
import { listSessions, story } from "../../src/operations/sessions.ts";
import { verify } from "../../src/operations/verify.ts";
import { freshStore, recorded, scratch, tellTurn } from "../helpers.ts";

const ENDINGS = join(recorded("real"), "../endings");
const VERSIONS = ["2.1.197", "2.1.330"] as const;

interface Hook {
  readonly t: number;
  readonly payload: { readonly transcript_path: string; readonly hook_event_name: string; readonly source?: string };
}

/** Takes in a recorded case, hooks and transcripts, as a session that has just ended; `before` the person took it up again. */
async function tellEnding(version: string, name: string, stage: "before-resume" | "transcripts"): Promise<string[]> {
  const folder = join(ENDINGS, version, name);
  const home = scratch();
  const store = await freshStore(home);
  const transcripts = join(home, "projects");
  cpSync(join(folder, stage), transcripts, { recursive: true });
  let hooks = readFileSync(join(folder, "hooks.jsonl"), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Hook);
  const again = hooks.findIndex(({ payload }, i) => i > 0 && payload.hook_event_name === "SessionStart" && payload.source === "resume");
  if (stage === "before-resume" && again > 0) hooks = hooks.slice(0, again);
  mkdirSync(spoolFolder(home));
  for (const [i, { t, payload }] of hooks.entries()) {
    const path = join(spoolFolder(home), `${i}.json`);
    writeFileSync(path, JSON.stringify({ ...payload, transcript_path: payload.transcript_path.replace(/^.*\/projects/, transcripts) }));
    utimesSync(path, t / 1000, t / 1000);
  }
  const drain = new Drain(store, home);
  await drain.round({ now: hooks.at(-1)!.t + 3_600_000, grace: 1000 });
  await drain.close();
  expect((await verify(store)).problems).toEqual([]);
  const lines: string[] = [];
  const sessions = await listSessions(store);
  const letters = new Map(sessions.toSorted((a, b) => a.started - b.started).map(({ id }, i) => [id, "ABC"[i]!]));
  for (const { id, relation, parent, project } of sessions.toReversed()) {
    const told = await story(store, id);
    const open = told.openCall === undefined ? "" : `, open ${told.openCall.tool}`;
    const lineage = relation === undefined ? "" : `, ${relation} from ${letters.get(parent!)}`;
    lines.push(`${letters.get(id)}${lineage}${open}${told.summary.subagents > 0 ? `, ${told.summary.subagents} subagent` : ""}${told.summary.compactions > 0 ? `, compacted` : ""}`);
    for (const turn of [...told.turns, ...told.rewound]) lines.push(`  ${tellTurn(turn, project)}`);
  }
  return lines;
}

/** As a person would tell it; both versions unless a version is named. */
const TOLD: Record<string, { readonly before?: string[]; readonly after: string[]; readonly only?: string }> = {
  "cd": { after: ["A", "  1 Move around: completed; Bash Bash Read Bash"] },
  "clear": { after: ["A", "  1 First thing: completed", "B", "  1 Second thing: completed"] },
  "compact": { after: ["A, compacted", "  1 First thing: completed; Read", "  2 Second thing: completed"] },
  "compact-p (2.1.197)": { after: ["A", "  1 First thing: completed", "  2 Second thing: completed"], only: "2.1.197" },
  "compact-p (2.1.330)": { after: ["A, compacted", "  1 First thing: completed", "  2 Second thing: completed"], only: "2.1.330" },
  "continue": { after: ["A", "  1 First thing: completed", "  2 Second thing: completed"] },
  "error-429-tui": { after: ["A", "  1 Read it: error; Read", "  2 Go on: completed"] },
  "error-500-p": { before: ["A", "  1 Read it: error; Read"], after: ["A", "  1 Read it: error; Read", "  2 Go on: completed"] },
  "esc-model": { after: ["A", "  1 Think about it: interrupted", "  2 Go on instead: completed"] },
  "esc-tool": { after: ["A", "  1 Wait for it: interrupted; Bash(rejected)", "  2 Go on instead: completed"] },
  "fork": { after: ["B, forked from A", "  1 First thing: completed; Read", "  2 Second thing: completed", "A", "  1 First thing: completed; Read", "  2 Third thing: completed"] },
  "max-turns": { before: ["A", "  1 Read and edit: closed; Read"], after: ["A", "  1 Read and edit: closed; Read", "  2 Go on: completed; Edit; notes.txt edited +1 -1"] },
  "parallel": { after: ["A", "  1 Do both: completed; Read Bash"] },
  "picker-inside": { after: ["B", "  1 Second thing: completed", "A", "  1 First thing: completed", "  2 Third thing: completed"] },
  "plain": { after: ["A", "  1 Change two to three and run the test: completed; Read Edit Write Bash(failed); new.txt created +1 -0, notes.txt edited +1 -1"] },
  "resume": { after: ["A", "  1 First thing: completed; Read", "  2 Second thing: completed"] },
  "rewind": { after: ["A", "  1 First change: completed; Read Edit; notes.txt edited +1 -1", "  2 Third try: completed", "  0 Second change: rewound; Edit; notes.txt edited +1 -1"] },
  "sighup-tui (2.1.197)": { after: ["A, open Bash", "  1 Wait for it: closed; Bash(open)"], only: "2.1.197" },
  "sighup-tui (2.1.330)": { after: ["A", "  1 Wait for it: closed; Bash(failed)"], only: "2.1.330" },
  "sigint-p": { before: ["A", "  1 Edit, then wait: interrupted; Read Edit Bash(rejected); notes.txt edited +1 -1"], after: ["A", "  1 Edit, then wait: interrupted; Read Edit Bash(rejected); notes.txt edited +1 -1", "  2 Go on: completed"] },
  "sigkill-p (2.1.197)": { before: ["A, open Bash", "  1 Edit, then wait: crashed; Read Edit Bash(open); notes.txt edited +1 -1"], after: ["A", "  1 Edit, then wait: crashed; Read Edit Bash(open); notes.txt edited +1 -1", "  2 Go on: completed"], only: "2.1.197" },
  "sigkill-p (2.1.330)": { before: ["A, open Bash", "  1 Edit, then wait: crashed; Read Edit Bash(open); notes.txt edited +1 -1"], after: ["A", "  1 Edit, then wait: crashed; Read Edit Bash(failed); notes.txt edited +1 -1", "  2 Go on: completed"], only: "2.1.330" },
  "sigkill-tui": { after: ["A, open Bash", "  1 Wait for it: crashed; Bash(open)"] },
  "sigterm-p (2.1.197)": { before: ["A, open Bash", "  1 Edit, then wait: closed; Read Edit Bash(open); notes.txt edited +1 -1"], after: ["A", "  1 Edit, then wait: closed; Read Edit Bash(open); notes.txt edited +1 -1", "  2 Go on: completed"], only: "2.1.197" },
  "sigterm-p (2.1.330)": { before: ["A", "  1 Edit, then wait: closed; Read Edit Bash(failed); notes.txt edited +1 -1"], after: ["A", "  1 Edit, then wait: closed; Read Edit Bash(failed); notes.txt edited +1 -1", "  2 Go on: completed"], only: "2.1.330" },
  "sigterm-tui": { after: ["A, open Bash", "  1 Wait for it: closed; Bash(open)"] },
  "subagent-background-tui": { after: ["A, 1 subagent", "  1 Let a subagent look: completed; Agent sub:Bash sub:Read sub:Edit; notes.txt edited +1 -1"] },
  "subagent-esc (2.1.197)": { after: ["A, 1 subagent", "  1 Let a subagent wait: interrupted; Agent(rejected) sub:Bash(rejected)", "  2 Go on instead: completed"], only: "2.1.197" },
  "subagent-esc (2.1.330)": { after: ["A, 1 subagent", "  1 Let a subagent wait: completed; Agent sub:Bash(failed)", "  2 Go on instead: completed"], only: "2.1.330" },
  "subagent-worktree": { after: ["A, 1 subagent", "  1 Let a subagent work apart: completed; Agent sub:Bash"] },
  "worktree-tui": { after: ["A", "  1 Make it: completed; Bash"] },
};

describe.each(VERSIONS)("%s", (version) => {
  const cases = Object.entries(TOLD).filter(([, { only }]) => only === undefined || only === version);

  test("every recorded case is told here", () => {
    const names = new Set(Object.entries(TOLD).map(([name]) => name.split(" ")[0]));
    expect(readdirSync(join(ENDINGS, version)).filter((name) => !names.has(name))).toEqual([]);
  });

  test.each(cases)("%s", async (name, { before, after }) => {
    const folder = name.split(" ")[0]!;
    expect(existsSync(join(ENDINGS, version, folder, "before-resume"))).toBe(before !== undefined);
    if (before !== undefined) expect(await tellEnding(version, folder, "before-resume")).toEqual(before);
    expect(await tellEnding(version, folder, "transcripts")).toEqual(after);
  });
});
