/** The binary: runs the command line on this process. A hook is not kept waiting for what parses options. */
import { isMainThread } from "node:worker_threads";

const words = process.argv.slice(2);
void (isMainThread ? run() : import("./worker.ts").then(({ runTreesThread }) => runTreesThread()));

async function run(): Promise<void> {
  if (words[0] === "hook" && !words.includes("--help") && !words.includes("-h")) {
    // What a transcript is still being read for is not waited for.
    process.exit(await (await import("./commands/hook.ts")).runHook(words.slice(1), process.env));
  }
  // A reader that has seen enough (`| head`) closes the pipe; that is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 70));
  process.exitCode = await (await import("./main.ts")).main(words, process.env);
}
