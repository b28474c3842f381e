/**
 * Sessions of real clients for the import to read: each works in a scratch home against a model on loopback that answers from
 * what is written here. Two turns and an edit, a command that fails, one that is interrupted, and where the client can do it
 * without a terminal a resume, a fork, a subagent and a compaction. Used by history.client.ts and for the fixtures.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { call, say, startModel, story } from "./model.ts";
import { geminiModel, responsesModel, type OtherModel } from "./other-models.ts";
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

/** The ids of the session, of the fork and of the subagent. */
export async function workInOpencode(place: Place, binary: string, until: Until): Promise<{ session: string; fork: string; subagent: string }> {
  const notes = join(place.repo, "notes.txt");
  const model = await startModel(story(
    call("read", { filePath: notes }, "I look at the notes first."),
    call("edit", { filePath: notes, oldString: "two", newString: "three\nfour" }),
    call("write", { filePath: join(place.repo, "added.txt"), content: "new\n" }),
    call("bash", { command: "false", description: "Fail" }),
    call("todowrite", { todos: [{ content: "Write the notes", status: "completed", priority: "high" }, { content: "Deploy", status: "pending", priority: "low" }] }),
    say("The notes say three and four."),
  ));
  until(() => void model.close());
  mkdirSync(join(place.home, ".config/opencode"), { recursive: true });
  writeFileSync(join(place.home, ".config/opencode/opencode.json"), JSON.stringify({ permission: { "*": "allow" }, provider: { anthropic: { options: { baseURL: `${model.url}/v1`, apiKey: "loopback" } } } }));
  const opencode = async (args: readonly string[], interrupt?: Promise<unknown>): Promise<string> => {
    const { code, out, err } = await place.run(binary, args, interrupt === undefined ? {} : { interrupt });
    if (code !== 0 && interrupt === undefined) throw new Error(`opencode ${args.join(" ")}: ${code}\n${out}${err}`);
    return out;
  };
  const run = (words: string, more: readonly string[] = [], interrupt?: Promise<unknown>): Promise<string> => opencode(["run", ...more, "--model", "anthropic/claude-sonnet-4-5", words], interrupt);
  const sessions = async (): Promise<string[]> => (JSON.parse(await opencode(["session", "list", "--format", "json"])) as { id: string }[]).map(({ id }) => id);

  await run("Put three and four into the notes");
  const [session] = await sessions();
  model.script(story(call("bash", { command: "sleep 60", description: "Wait" })));
  await run("Now wait for the deploy", ["--session", session!], model.reached("main", 1).then(() => pause(3000)));
  model.script(story(say("On the fork it is otherwise.")));
  await run("And what now?", ["--session", session!, "--fork"]);
  const fork = (await sessions()).find((id) => id !== session)!;
  model.script(story(call("task", { description: "Count", prompt: "Count the lines", subagent_type: "general" }), say("Somebody counts.")));
  await run("Let somebody count", ["--session", session!]);
  const subagent = /"sessionId": "(ses_\w+)"/.exec(await opencode(["export", session!]))?.[1] ?? "";
  return { session: session!, fork, subagent };
}

/** The id of the session. Headless, the client has no fork; a subagent's conversation stands in a file of its own. */
export async function workInGemini(place: Place, binary: string, until: Until): Promise<{ session: string }> {
  const notes = join(place.repo, "notes.txt");
  mkdirSync(join(place.home, ".gemini"), { recursive: true });
  writeFileSync(join(place.home, ".gemini/settings.json"), JSON.stringify({ security: { auth: { selectedType: "gemini-api-key" } }, privacy: { usageStatisticsEnabled: false } }));
  writeFileSync(join(place.home, ".gemini/trustedFolders.json"), JSON.stringify({ [place.repo]: "TRUST_FOLDER" }));
  const model = await geminiModel(until, [
    [{ text: "I look at the notes first." }, { tool: "read_file", input: { file_path: notes } }],
    [{ tool: "replace", input: { file_path: notes, instruction: "Count on", old_string: "two", new_string: "three\nfour" } }],
    [{ tool: "write_file", input: { file_path: join(place.repo, "added.txt"), content: "new\n" } }],
    [{ tool: "run_shell_command", input: { command: "false", description: "Fail" } }],
    [{ text: "The notes say three and four." }],
  ]);
  const gemini = async (words: string, more: readonly string[] = [], interrupt?: Promise<unknown>): Promise<void> => {
    const { code, out, err } = await place.run(binary, ["--approval-mode", "yolo", "-m", "gemini-2.5-flash", "-o", "json", ...more, "-p", words], { env: { GEMINI_API_KEY: "loopback", GOOGLE_GEMINI_BASE_URL: model.url }, ...(interrupt === undefined ? {} : { interrupt }) });
    if (code !== 0 && interrupt === undefined) throw new Error(`gemini ${words}: ${code}\n${out}${err}`);
  };
  await gemini("Put three and four into the notes");
  const chats = join(place.home, ".gemini/tmp");
  const file = readdirSync(chats, { recursive: true, encoding: "utf8" }).find((name) => /session-.*\.jsonl?$/.test(name))!;
  const session = /"sessionId":\s*"([^"]+)"/.exec(readFileSync(join(chats, file), "utf8"))![1]!;
  model.next([{ tool: "run_shell_command", input: { command: "sleep 60", description: "Wait" } }]);
  await gemini("Now wait for the deploy", ["--resume", session], interrupted(model, 6));
  model.next([{ text: "Gone on from there." }]);
  await gemini("Go on", ["--resume", session]);
  return { session };
}
