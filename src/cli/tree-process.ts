/**
 * Requests about a tree, answered by a process of their own (`tidemark engine --tree-request`): one JSON document in, one out.
 * An engine has the keepers of its trees on another thread, and two keepers of one tree in one process would each take what
 * the other holds for left behind. What was begun is finished, also where the engine that asked is gone by then.
 */
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { asTidemarkError, TidemarkError, type ErrorCode } from "../base/errors.ts";
import type { Serving } from "../mcp/serving.ts";
import type { TreeReply, TreeRequest } from "../operations/tree-request.ts";
import type { Context } from "./command.ts";
import { answerForTree } from "./serving.ts";

interface Asked {
  readonly cwd: string;
  readonly request: TreeRequest;
  readonly principal: string;
}

type Said = { readonly reply: TreeReply<TreeRequest> } | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string } };

export function inAnotherProcess({ environment }: Context): Serving["tree"] {
  return async <R extends TreeRequest>(cwd: string, request: R, principal: string): Promise<TreeReply<R>> => {
    const said = await ask({ cwd, request, principal }, environment);
    if ("error" in said) throw new TidemarkError(said.error.code, said.error.message, { hint: said.error.hint });
    return said.reply as TreeReply<R>;
  };
}

function ask(asked: Asked, environment: NodeJS.ProcessEnv): Promise<Said> {
  return new Promise((done, failed) => {
    // Detached: what ends the engine's group is not to end it in the middle.
    const child = spawn(process.execPath, [process.argv[1]!, "engine", "--tree-request"], { env: environment, stdio: ["pipe", "pipe", "inherit"], detached: true, windowsHide: true });
    const out: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => void out.push(chunk));
    child.on("error", failed);
    child.on("close", (code) => {
      try {
        done(JSON.parse(Buffer.concat(out).toString()) as Said);
      } catch (error) {
        failed(new TidemarkError("INTERNAL", `the process that was asked about a tree ended with ${String(code)}`, { cause: error }));
      }
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(JSON.stringify(asked));
  });
}

export async function answerTreeRequest(context: Context, input: Readable, output: Writable): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk as Buffer);
  output.write(JSON.stringify(await answered(context, Buffer.concat(chunks).toString())));
  return 0;
}

async function answered(context: Context, text: string): Promise<Said> {
  try {
    const { cwd, request, principal } = JSON.parse(text) as Asked;
    return { reply: await answerForTree(context, cwd, request, principal) };
  } catch (error) {
    const { code, message, hint } = asTidemarkError(error);
    return { error: { code, message, hint } };
  }
}
