/** The harness itself, on each version: a run with tools and a terminal, hooks and a server seen, and nothing left. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ALLOWED, canWatch, world, type World } from "./client.ts";
import { call, fail, say, silent, story } from "./model.ts";
import { presentClients } from "./present.ts";
import { noTerminal } from "./tui.ts";

const noTui = noTerminal();
if (noTui !== undefined) process.stderr.write(`\n*** SKIPPED: every terminal case of the real client: ${noTui}\n\n`);

for (const client of await presentClients()) {
  const fresh = (): Promise<World> => world(client, onTestFinished);

  describe(client.version, () => {
    test("a run calls tools and writes a transcript", async () => {
      const w = await fresh();
      w.model.script(story(call("Read", { file_path: join(w.repo, "notes.txt") }), call("Edit", { file_path: join(w.repo, "notes.txt"), old_string: "two", new_string: "three" }), say("Two is three now.")));
      const { exit, result, asked } = await w.ask("Change two to three");
      expect(exit).toBe(0);
      expect(result.result).toBe("Two is three now.");
      expect(asked.filter(({ kind }) => kind === "main")).toHaveLength(3);
      expect(readFileSync(join(w.repo, "notes.txt"), "utf8")).toBe("one\nthree\n");
      const [[path, records]] = [...w.transcripts()] as [[string, any[]]];
      expect(path).toContain(result.session_id);
      expect(records.filter(({ type }) => type === "assistant").length).toBeGreaterThanOrEqual(3);
    });

    test.skipIf(!canWatch())("nothing is reached but loopback", async () => {
      const w = await fresh();
      const { exit, connected } = await w.ask("Say it", [], { network: true });
      expect(exit).toBe(0);
      expect(connected).toEqual(["127.0.0.1"]);
    });

    test("hooks of the user's settings run, in a subdirectory and in a worktree too", async () => {
      const w = await fresh();
      const seen = join(w.root, "seen");
      mkdirSync(seen);
      w.settings({ hooks: { SessionStart: [{ hooks: [{ type: "command", command: `cat >'${seen}'/$$.json` }] }] } });
      w.model.script(story(say("Done.")));
      await w.ask("Say it");
      await w.ask("Say it", [], { cwd: join(w.repo, "sub") });
      await w.ask("Say it", ["--worktree", "apart"]);
      const where = readdirSync(seen).map((name) => JSON.parse(readFileSync(join(seen, name), "utf8")).cwd as string);
      expect(where.sort()).toEqual([w.repo, join(w.repo, ".claude/worktrees/apart"), join(w.repo, "sub")].sort());
    });

    test("the model can fail and stay silent, and a client can be killed", async () => {
      const w = await fresh();
      w.model.script(() => fail(400));
      expect((await w.ask("Say it")).exit).toBe(1);
      w.model.script(() => silent);
      const { exit } = await w.ask("Say it", [], { kill: { signal: "SIGKILL", when: w.model.reached("main", 1) } });
      expect(exit).toBe("SIGKILL");
    });

    test("a subagent's requests are told apart", async () => {
      const w = await fresh();
      w.model.script(story(call("Agent", { description: "look", prompt: "Look around", subagent_type: "general-purpose", run_in_background: false }), say("All done.")));
      const { asked } = await w.ask("Let someone look");
      expect(asked.map(({ kind }) => kind).filter((kind) => kind !== "side")).toEqual(["main", "subagent", "main"]);
    });

    test.skipIf(noTui !== undefined)("a terminal takes prompts, keys and commands, and ends", async () => {
      const w = await fresh();
      writeFileSync(join(w.repo, "CLAUDE.md"), "Be short.\n");
      w.model.script(story(call("Bash", { command: "timeout 60 tail -f /dev/null", description: "wait" }), say("Went on.")));
      const t = await w.tui(ALLOWED);
      await t.waitFor("❯");
      await t.send("Wait for it");
      await w.model.reached("main", 1);
      await t.waitFor(/tail -f/);
      await t.keys("Escape");
      await t.waitFor(/Interrupted|What should Claude do/i);
      await t.send("Go on");
      await t.waitFor("Went on.");
      await t.send("/exit");
      await t.gone();
      expect(w.processes().filter(({ command }) => command.includes(client.binary))).toEqual([]);
    });
  });
}
