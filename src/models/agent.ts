/**
 * The agent's own command line without a terminal, as a model: `claude -p`. Only where the user has named it. It runs with
 * the person's own account and nothing else of theirs: no hooks, plugins, servers or instruction files (--safe-mode), no
 * tools, no transcript (--no-session-persistence). Seen with 2.1.197 and 2.1.330 (test/client/model.client.ts).
 */
import { spawn } from "node:child_process";
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { oneLine } from "../base/text.ts";
import type { Question, Said } from "./endpoint.ts";
import { ANSWER_MOST } from "./http.ts";

export interface AgentPlace {
  readonly kind: "agent";
  /** As its --model takes it. */
  readonly model: string;
  /** It is started there: no project of anyone's. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const PROGRAM = "claude";
/** Within an agent's session these say so; it would take itself for a part of that session, or refuse to start. */
const OF_A_SESSION = /^CLAUDECODE$|^CLAUDE_CODE_(?:SESSION_ID|CHILD_SESSION|ENTRYPOINT)$/;
const TOLD = 200;

export async function agentAnswer({ model, folder, environment }: AgentPlace, { system, text }: Question, timeout: number): Promise<Said> {
  const args = ["-p", "--output-format", "json", "--safe-mode", "--no-session-persistence", "--strict-mcp-config", "--disable-slash-commands", "--tools", "", "--model", model, "--system-prompt", system];
  const { code, out, err } = await run(args, text, { folder, environment, timeout, who: `agent ${model}` });
  const answer = parsed(out);
  if (answer === undefined && code === 0) throw new TidemarkError("MODEL_GARBLED", `${PROGRAM} answered with no JSON`);
  const { result, is_error: failed, usage, total_cost_usd: cost, stop_reason: ended } = answer ?? {};
  if (code !== 0 || failed === true) throw new TidemarkError("MODEL_DOWN", `${PROGRAM} ended with ${code}: ${oneLine(typeof result === "string" ? result : err || out).slice(0, TOLD)}`, { hint: `Try it by itself: ${PROGRAM} -p hello --model ${model}` });
  const { input_tokens: fresh, cache_creation_input_tokens: written, cache_read_input_tokens: read, output_tokens: output } = isRecord(usage) ? usage : {};
  const counts = [fresh, written, read].filter((each) => typeof each === "number");
  return { text: result, input: counts.length === 0 ? undefined : counts.reduce((sum, each) => sum + each, 0), output, cost, ended };
}

function parsed(out: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(out);
    return isRecord(value) ? value : undefined;
  } catch {
    // Told by whoever asks for it.
    return undefined;
  }
}

interface Running extends Omit<AgentPlace, "kind" | "model"> {
  readonly timeout: number;
  readonly who: string;
}

function run(args: readonly string[], input: string, { folder, environment, timeout, who }: Running): Promise<{ code: number | string; out: string; err: string }> {
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !OF_A_SESSION.test(name)));
  return new Promise((done, failed) => {
    const child = spawn(PROGRAM, args, { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
    let [out, err] = ["", ""];
    const refuse = (error: TidemarkError): void => {
      clearTimeout(late);
      child.kill("SIGKILL");
      failed(error);
    };
    const late = setTimeout(() => refuse(new TidemarkError("MODEL_DOWN", `${who} did not answer (not within ${timeout / 1000} s)`)), timeout);
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      out += part;
      if (out.length > ANSWER_MOST) refuse(new TidemarkError("MODEL_GARBLED", `The answer of ${who} is larger than ${ANSWER_MOST / 1024 / 1024} MB`));
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => void (err = (err + part).slice(0, ANSWER_MOST)));
    // It may end without having read what it is asked; its exit code tells.
    child.stdin.on("error", () => undefined).end(input);
    child.on("error", (error: NodeJS.ErrnoException) => refuse(new TidemarkError("MODEL_DOWN", error.code === "ENOENT" ? `There is no program "${PROGRAM}" on the PATH` : `${PROGRAM} could not be started (${error.code ?? error.message})`, { cause: error, hint: "Install the agent, or name a model of another kind: tidemark model --help" })));
    child.on("close", (code, signal) => {
      clearTimeout(late);
      done({ code: code ?? signal ?? "no code", out, err });
    });
  });
}
