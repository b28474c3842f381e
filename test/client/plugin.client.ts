/**
 * The plugin in the real client: its own validator, installed from a local marketplace as a person would, capturing with hooks
 * that look up where things are, its commands, and standing back where `init` has wired the client.
 */
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { world, type RunOptions, type World } from "./client.ts";
import { call, say, story } from "./model.ts";
import { presentClients, type Present } from "./present.ts";
import { CLI, hookFailures, injected, json, settled, wired } from "./tidemark.ts";

const HERE = resolve(".");

interface Plugged extends World {
  /** With `tidemark` on the PATH. */
  readonly within: RunOptions;
}

async function plugged(client: Present): Promise<Plugged> {
  const w = await world(client, onTestFinished);
  const bin = join(w.root, "bin");
  mkdirSync(bin);
  symlinkSync(CLI, join(bin, "tidemark"));
  const within = { env: { PATH: `${bin}:${w.env["PATH"]}` } };
  for (const args of [["marketplace", "add", HERE], ["install", "tidemark@tidemark"]]) {
    const { exit, out, err } = await w.run(["plugin", ...args], within);
    expect(exit, `${args.join(" ")}: ${out}${err}`).toBe(0);
  }
  return { ...w, within };
}

for (const client of await presentClients()) {
  describe(client.version, () => {
    test("the client's own validator passes plugin and marketplace", async () => {
      const w = await world(client, onTestFinished);
      for (const path of ["plugin", "."]) {
        const { exit, out, err } = await w.run(["plugin", "validate", resolve(path)]);
        expect(exit, out + err).toBe(0);
        expect(out + err).toContain("Validation passed");
      }
    });

    test("a session is captured by the plugin alone, and the next one begins with its brief", async () => {
      const w = await plugged(client);
      // 2.1.197 runs the first session after an install without the plugin's hooks.
      if (client.version === "2.1.197") await w.ask("Say it", [], w.within);
      const notes = join(w.repo, "notes.txt");
      w.model.script(story(call("Read", { file_path: notes }), call("Edit", { file_path: notes, old_string: "two", new_string: "parseRetryBudget" }), call("Bash", { command: "rm sub/inner.txt", description: "Remove it" }), say("I decided to keep parseRetryBudget in notes.txt because the queue needs a bound.")));
      expect((await w.ask("Add a retry budget to the notes", [], w.within)).exit).toBe(0);
      await settled(w);
      expect(await json(w, ["sessions"])).toEqual(expect.arrayContaining([expect.objectContaining({ ending: "completed", title: expect.stringContaining("retry budget") })]));
      const kept = JSON.stringify(await json(w, ["checkpoints"]));
      for (const path of ["notes.txt", "sub/inner.txt"]) expect(kept).toContain(path);
      w.model.script(story(say("Understood.")));
      const { asked } = await w.ask("Go on", [], w.within);
      expect(injected(asked.find(({ kind }) => kind === "main")!)).toContain("parseRetryBudget");
      await settled(w);
      expect(hookFailures(w)).toEqual([]);
      expect((await json(w, ["verify"])).problems).toEqual([]);
    });

    test("/tidemark:resume hands the brief to the model", async () => {
      const w = await plugged(client);
      if (client.version === "2.1.197") await w.ask("Say it", [], w.within);
      w.model.script(story(say("I decided to keep parseRetryBudget because the queue needs a bound.")));
      await w.ask("Add a retry budget", [], w.within);
      await settled(w);
      w.model.script(story(say("It stands so.")));
      const { exit, asked } = await w.ask("/tidemark:resume", [], w.within);
      expect(exit).toBe(0);
      const messages = JSON.stringify(asked.findLast(({ kind }) => kind === "main")!.body.messages);
      expect(messages).toContain("What is kept of the session");
      expect(messages.slice(messages.indexOf("What is kept of the session"))).toContain("parseRetryBudget");
    });

    test("where init has wired the client each event is kept once", async () => {
      const w = await plugged(client);
      await wired(w);
      w.model.script(story(call("Bash", { command: "touch made.txt", description: "Make it" }), say("Made.")));
      await w.ask("Make a file", [], w.within);
      await w.ask("Say it", [], w.within);
      await settled(w);
      const sessions = await json(w, ["sessions"]);
      expect(sessions).toHaveLength(2);
      expect(readdirSync(join(w.state, "spool"))).toEqual([]);
      expect(hookFailures(w)).toEqual([]);
      expect((await json(w, ["checkpoints"])).filter(({ files }: { files: unknown }) => JSON.stringify(files).includes("made.txt"))).toHaveLength(1);
    });
  });
}
