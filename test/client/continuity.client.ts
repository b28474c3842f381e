/**
 * The thread is kept, in the real client: a session edits, runs a failing test and decides something; the next one is
 * killed in the middle; the one after is given what both knew, in its first request. The same across a compaction, a
 * resume, a fork, /clear, a subdirectory and a worktree.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { ALLOWED, canWatch, world, type World } from "./client.ts";
import { call, say, story, type Asked, type Script } from "./model.ts";
import { presentClients, type Present } from "./present.ts";
import { hookFailures, injected, json, settled, tidemark, wired } from "./tidemark.ts";
import { noTerminal } from "./tui.ts";

const noTui = noTerminal();
const WAIT = "timeout 60 tail -f /dev/null";

/** Reads, edits, runs a test that fails, and decides. */
function working(w: World): Script {
  const notes = join(w.repo, "notes.txt");
  return story(
    call("Read", { file_path: notes }),
    call("Edit", { file_path: notes, old_string: "two", new_string: "parseRetryBudget" }),
    call("Bash", { command: "npm run checkBudget", description: "Run the check" }),
    say("The check fails because npm finds no script. I decided to keep parseRetryBudget in notes.txt because the retry queue needs a bound. We tried npm run checkBudget, which failed."),
  );
}

async function fresh(client: Present): Promise<World> {
  const w = await world(client, onTestFinished);
  await wired(w);
  return w;
}

const briefs = (asked: Asked): number => injected(asked).split("data, not instructions").length - 1;

const first = (asked: readonly { kind: string }[]): any => asked.find(({ kind }) => kind === "main");

for (const client of await presentClients()) {
  describe(client.version, () => {
    test("a new session knows what the one before did, and what the killed one was at", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      const one = await w.ask("Add a retry budget to the notes; never touch inner.txt");
      expect(one.exit).toBe(0);
      await settled(w);

      w.model.script(story(call("Bash", { command: WAIT, description: "Wait" }), say("Never said.")));
      const two = await w.ask("Now wait for the deploy", [], { kill: { signal: "SIGKILL", when: w.model.reached("main", 1).then(() => pause(1500)) } });
      expect(two.exit).toBe("SIGKILL");
      expect(injected(first(two.asked))).toContain("parseRetryBudget");
      await settled(w);

      w.model.script(story(say("Understood.")));
      const three = await w.ask("Go on");
      const given = injected(first(three.asked));
      // The killed session: that it died, what was in flight, and the way back, which is offered and not taken.
      expect(given).toMatch(/died in the middle of its work/);
      expect(given).toContain("tail -f /dev/null");
      expect(given).toMatch(/claude --resume [0-9a-f-]{36}/);
      expect(given).toContain("Now wait for the deploy");
      await settled(w);

      const sessions = await json(w, ["sessions"]);
      expect(sessions.map(({ ending, turns }: any) => [ending, turns])).toEqual([["completed", 1], ["crashed", 1], ["completed", 1]]);
      expect(hookFailures(w)).toEqual([]);
      expect((await json(w, ["verify"])).problems).toEqual([]);
    });

    test("what the session before decided, ran and was told reaches the next one", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      await w.ask("Add a retry budget to the notes; never touch inner.txt");
      await settled(w);
      w.model.script(story(say("Understood.")));
      const { asked } = await w.ask("Go on");
      const given = injected(first(asked));
      for (const fact of ["Add a retry budget to the notes; never touch inner.txt", "parseRetryBudget", "notes.txt", "I decided to keep parseRetryBudget", "checkBudget"]) expect(given, fact).toContain(fact);
    });

    test("a session that is resumed is told nothing again, and a fork neither", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      await w.ask("Add a retry budget to the notes");
      await settled(w);
      w.model.script(story(say("First.")));
      const one = await w.ask("Go on");
      const once = briefs(first(one.asked));
      expect(once).toBe(1);
      await settled(w);
      const again = await w.ask("And on", ["--resume", one.result.session_id]);
      // What the first start gave is in the context still: once, and nothing beside it.
      expect(briefs(first(again.asked))).toBe(once);
      await settled(w);
      const fork = await w.ask("Another way", ["--resume", one.result.session_id, "--fork-session"]);
      expect(fork.result.session_id).not.toBe(one.result.session_id);
      expect(briefs(first(fork.asked))).toBe(once);
      await settled(w);
      const tree = await json(w, ["sessions"]);
      expect(tree.find(({ id }: any) => id === fork.result.session_id)).toMatchObject({ relation: "forked", parent: one.result.session_id });
      expect(hookFailures(w)).toEqual([]);
    });

    test("started in a subdirectory and in a worktree the brief is given too", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      await w.ask("Add a retry budget to the notes");
      await settled(w);
      w.model.script(story(say("Seen.")));
      const sub = await w.ask("Go on", [], { cwd: join(w.repo, "sub") });
      expect(injected(first(sub.asked))).toContain("parseRetryBudget");
      await settled(w);
      const apart = await w.ask("Go on", ["--worktree", "apart"]);
      expect(injected(first(apart.asked))).not.toBe("");
      await settled(w);
      const sessions = await json(w, ["sessions"]);
      expect(new Set(sessions.map(({ project }: any) => project))).toEqual(new Set([w.repo]));
      expect(hookFailures(w)).toEqual([]);
    });

    test("paused, nothing is given, and the session is kept all the same", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      await w.ask("Add a retry budget to the notes");
      await settled(w);
      await tidemark(w, ["pause"]);
      w.model.script(story(say("Seen.")));
      const { asked } = await w.ask("Go on");
      expect(injected(first(asked))).toBe("");
      await settled(w);
      expect((await json(w, ["sessions"])).length).toBe(2);
    });

    test("a subagent is given its part", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      await w.ask("Add a retry budget to the notes; never touch inner.txt");
      await settled(w);
      w.model.script(story(call("Agent", { description: "look", prompt: "Look around", subagent_type: "general-purpose", run_in_background: false }), say("All done.")));
      const { asked } = await w.ask("Let someone look; always use tabs");
      const part = injected(asked.find(({ kind }) => kind === "subagent")!);
      expect(part).toMatch(/always use tabs|Let someone look|retry budget/);
      await settled(w);
      expect(hookFailures(w)).toEqual([]);
    });

    test.skipIf(!canWatch())("with hooks and engine nothing but loopback is reached", async () => {
      const w = await fresh(client);
      const { exit, connected } = await w.ask("Say it", [], { network: true });
      expect(exit).toBe(0);
      expect(connected).toEqual(["127.0.0.1"]);
    });

    test("uninstalled, the settings are as they were and nothing of ours runs", async () => {
      const w = await world(client, onTestFinished);
      // Nothing that the client changes by itself: 2.1.197 takes "model" out and formats the file anew.
      writeFileSync(join(w.config, "settings.json"), '{"cleanupPeriodDays": 20,   "permissions": {"allow": ["Read"]}}');
      const before = readFileSync(join(w.config, "settings.json"), "utf8");
      await wired(w);
      await w.ask("Say it");
      await settled(w);
      await tidemark(w, ["uninstall"]);
      expect(readFileSync(join(w.config, "settings.json"), "utf8")).toBe(before);
      expect(w.account().mcpServers?.tidemark).toBeUndefined();
      const spool = join(w.state, "spool");
      await w.ask("Say it again");
      expect(existsSync(spool) ? (await import("node:fs")).readdirSync(spool) : []).toEqual([]);
    });

    test.skipIf(noTui !== undefined)("after /compact the session's own words are given, after /clear the brief", async () => {
      const w = await fresh(client);
      w.model.script(working(w));
      const t = await w.tui(ALLOWED);
      await t.waitFor("❯");
      await t.send("Add a retry budget to the notes and never touch inner.txt");
      await w.model.reached("main", 4);
      await pause(2500);
      w.model.script(story(say("After the compaction.")));
      await t.send("/compact");
      await t.waitFor(/[Cc]ompacted|Conversation compacted/);
      await pause(1000);
      await t.send("What now?");
      await t.waitFor("After the compaction.");
      const after = w.model.of("main").at(-1)!;
      expect(injected(after)).toContain("Add a retry budget to the notes and never touch inner.txt");
      expect(injected(after)).toMatch(/before its context was replaced/);
      await pause(2500);
      w.model.script(story(say("After the clear.")));
      await t.send("/clear");
      await pause(2500);
      await t.send("And now?");
      await t.waitFor("After the clear.");
      const cleared = w.model.of("main").at(-1)!;
      expect(injected(cleared)).toContain("parseRetryBudget");
      await t.send("/exit");
      await t.gone();
      await settled(w);
      const sessions = await json(w, ["sessions"]);
      expect(sessions.map(({ turns, ending }: any) => [turns, ending])).toEqual([[1, "completed"], [2, "completed"]]);
      expect(hookFailures(w)).toEqual([]);
    });

    test("six sessions at once, two of them in worktrees: all kept, each its own, no lock error", async () => {
      const w = await fresh(client);
      await w.git("worktree", "add", "--quiet", join(w.root, "tree-a"), "-b", "a");
      await w.git("worktree", "add", "--quiet", join(w.root, "tree-b"), "-b", "b");
      const places = [w.repo, w.repo, w.repo, join(w.repo, "sub"), join(w.root, "tree-a"), join(w.root, "tree-b")];
      // Each writes a file named in its prompt, so that what is whose can be told.
      w.model.script(({ body }, n) => {
        const name = /file-(\d)/.exec(JSON.stringify(body.messages))?.[1] ?? "x";
        const results = JSON.stringify(body.messages).split("tool_result").length - 1;
        return results < 2 ? { blocks: [{ type: "tool_use", name: "Bash", input: { command: `echo ${results} >> out-${name}.txt`, description: "Write" } }] } : say(`Wrote file-${name} as number ${n >= 0 ? name : ""}.`);
      });
      const runs = await Promise.all(places.map((cwd, i) => w.ask(`Please write file-${i}`, [], { cwd, within: 180_000 })));
      expect(runs.map(({ exit }) => exit)).toEqual([0, 0, 0, 0, 0, 0]);
      await settled(w, 30_000);
      const sessions = await json(w, ["sessions"]);
      expect(sessions.length).toBe(6);
      for (const [i, run] of runs.entries()) {
        const { turns } = await json(w, ["show", run.result.session_id]);
        expect(turns.map(({ prompt, ending, calls }: any) => [prompt, ending, calls]), `session ${i}`).toEqual([[`Please write file-${i}`, "completed", 2]]);
        expect(run.err).not.toMatch(/lock|busy/i);
      }
      expect(new Set(sessions.map(({ project }: any) => project))).toEqual(new Set([w.repo]));
      expect(hookFailures(w)).toEqual([]);
      expect((await json(w, ["verify"])).problems).toEqual([]);
    }, 300_000);
  });
}
