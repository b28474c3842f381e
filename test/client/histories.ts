/**
 * Sessions of real clients for the import to read: each works in a scratch home against a model on loopback that answers from
 * what is written here. Two turns and an edit, a command that fails, one that is interrupted, and where the client can do it
 * without a terminal a resume, a fork, a subagent and a compaction. Used by history.client.ts and for the fixtures.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { responsesModel, type OtherModel } from "./other-models.ts";
import type { Place } from "./others.ts";

type Until = (done: () => void) => void;

const PATCH = "*** Begin Patch\n*** Update File: notes.txt\n@@\n one\n-two\n+three\n+four\n*** Add File: added.txt\n+new\n*** End Patch";

/** A Ctrl-C once the model was asked so often and the call it made has begun. */
const interrupted = async (model: OtherModel, asked: number): Promise<void> => {
  await model.reached(asked);
  await pause(2500);
};

/** The ids of the session and of the fork. */
export async function workInCodex(place: Place, binary: string, until: Until): Promise<{ session: string; fork: string }> {
  mkdirSync(join(place.home, ".codex"), { recursive: true });
  writeFileSync(join(place.repo, "AGENTS.md"), "Answer in short.\n");
  const model = await responsesModel(until, [
    [{ text: "I look at the notes first." }, { tool: "exec_command", input: { cmd: "cat notes.txt" } }],
    [{ tool: "apply_patch", input: PATCH }, { tool: "exec_command", input: { cmd: "false" } }],
    [{ tool: "update_plan", input: { plan: [{ step: "Write the notes", status: "completed" }, { step: "Deploy", status: "pending" }] } }],
    [{ text: "The notes say three and four." }],
  ]);
  const provider = `model_providers.loopback={name="loopback",base_url="${model.url}/v1",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
  const settings = ["--skip-git-repo-check", "--json", "-c", 'model_provider="loopback"', "-c", provider, "-c", 'model="gpt-5.5"', "-c", 'sandbox_mode="danger-full-access"'];
  const codex = async (args: readonly string[], more: { interrupt?: Promise<unknown>; fails?: true } = {}): Promise<void> => {
    const { code, out, err } = await place.run(binary, args, more);
    if ((code === 0) === (more.fails === true || more.interrupt !== undefined)) throw new Error(`codex ${args[0]}: ${code}\n${out}${err}`);
  };
  await codex(["exec", ...settings, "Put three and four into the notes"]);
  const session = rollouts(place).at(-1)!;

  model.next([{ tool: "exec_command", input: { cmd: "sleep 60", yield_time_ms: 30_000 } }]);
  await codex(["exec", "resume", ...settings, session, "Now wait for the deploy"], { interrupt: interrupted(model, 5) });
  model.next({ status: 400 });
  await codex(["exec", "resume", ...settings, session, "Make it fail"], { fails: true });
  // The request for a summary has no tools: the model says "Done." to it.
  model.next([{ text: "Gone on after the compaction." }]);
  await codex(["exec", "resume", ...settings, "-c", "model_auto_compact_token_limit=60", session, "Go on from there"]);

  await place.run(binary, ["app-server", ...settings.slice(2)], { requests: [{ method: "initialize", params: { clientInfo: { name: "suite", version: "1" } } }, { method: "thread/fork", params: { threadId: session } }] });
  const fork = rollouts(place).find((id) => id !== session)!;
  model.next([{ text: "On the fork it is otherwise." }]);
  await codex(["exec", "resume", ...settings, fork, "And what now?"]);
  model.next([{ tool: "spawn_agent", namespace: "multi_agent_v1", input: { message: "Count the lines" } }], [{ text: "Somebody counts." }], [{ text: "Somebody counts." }]);
  // Of the models that are known to 0.169 none is given this tool at once.
  await codex(["exec", ...settings, "-c", 'model="loopback"', "Let somebody count"]);
  return { session, fork };
}

/** Ids in the order in which they were begun. */
function rollouts({ home }: Place): string[] {
  const folder = join(home, ".codex/sessions");
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl")).sort().map((name) => name.slice(-"00000000-0000-0000-0000-000000000000.jsonl".length, -".jsonl".length));
}
