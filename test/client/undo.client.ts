/**
 * Undo with the real client: what it writes, edits, runs in a shell and has a subagent do comes back exactly, by turn and by
 * call, and what a person edited in between stays. The model is on loopback and says what the test tells it to.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { contents } from "../tree-world.ts";
import { world, type World } from "./client.ts";
import { call, say, story, type Script } from "./model.ts";
import { presentClients, type Present } from "./present.ts";
import { hookFailures, injected, json, settled, tidemark, wired } from "./tidemark.ts";


async function fresh(client: Present): Promise<World> {
  const w = await world(client, onTestFinished);
  await wired(w);
  return w;
}

const at = (w: World, name: string): string => join(w.repo, name);
const read = (w: World, name: string): string => readFileSync(at(w, name), "utf8");
const bash = (command: string): ReturnType<typeof call> => call("Bash", { command, description: "Do it" });

for (const client of await presentClients()) {
  describe(client.version, () => {
    test("Write, Edit, sed -i, rm and git checkout . come back exactly, and go again with a redo", async () => {
      const w = await fresh(client);
      writeFileSync(at(w, "mine.txt"), "never committed\n");
      writeFileSync(at(w, "notes.txt"), `${read(w, "notes.txt")}dirty\n`);
      const before = contents(w.repo);
      const [head, index, stash] = [await w.git("rev-parse", "HEAD"), readFileSync(at(w, ".git/index")), await w.git("stash", "list")];
      w.model.script(story(
        call("Read", { file_path: at(w, "notes.txt") }),
        call("Edit", { file_path: at(w, "notes.txt"), old_string: "two", new_string: "TWO" }),
        call("Write", { file_path: at(w, "new.txt"), content: "made\n" }),
        bash("sed -i s/made/changed/ new.txt && rm mine.txt && mkdir -p a/b && echo x > a/b/c && chmod +x notes.txt"),
        bash("git checkout ."),
        say("Done."),
      ));
      expect((await w.ask("Change things")).exit).toBe(0);
      await settled(w);
      const after = contents(w.repo);
      expect(after).not.toEqual(before);
      const calls = ((await json(w, ["checkpoints"])) as any[]).filter(({ kind }) => kind === "call").reverse();
      expect(calls.map((each) => each.calls.map(({ tool }: any) => tool).join()).sort()).toEqual(["Bash", "Bash", "Edit", "Write"]);

      const undone = await json(w, ["undo"]);
      expect(undone).toMatchObject({ applied: true, conflicts: [] });
      expect(contents(w.repo)).toEqual(before);
      expect(existsSync(at(w, "a"))).toBe(false);
      expect([await w.git("rev-parse", "HEAD"), await w.git("stash", "list")]).toEqual([head, stash]);
      expect(index.length).toBeGreaterThan(0);
      expect(await json(w, ["redo"])).toMatchObject({ applied: true, conflicts: [] });
      expect(contents(w.repo)).toEqual(after);
      expect(hookFailures(w)).toEqual([]);
      expect((await json(w, ["verify"])).problems).toEqual([]);
    });

    test("by call, by turn, and what I edited in between stays; the next prompt tells the agent", async () => {
      const w = await fresh(client);
      writeFileSync(at(w, "config.txt"), Array.from({ length: 9 }, (_, i) => `line ${i + 1}\n`).join(""));
      w.model.script(story(bash("sed -i 's/line 1$/AGENT 1/' config.txt"), bash("echo one > one.txt"), say("First.")));
      await w.ask("First");
      await settled(w);
      // A person, between two turns.
      writeFileSync(at(w, "config.txt"), read(w, "config.txt").replace("line 5", "MINE 5"));
      w.model.script(story(bash("sed -i 's/line 9$/AGENT 9/' config.txt && echo two > two.txt"), say("Second.")));
      const second = await w.ask("Second", ["--continue"]);
      expect(second.exit).toBe(0);
      await settled(w);
      expect(read(w, "config.txt")).toMatch(/AGENT 1\n.*MINE 5\n.*AGENT 9\n/s);

      // One call of the first turn alone.
      const all = (await json(w, ["checkpoints"])) as any[];
      const one = all.find(({ files }) => JSON.stringify(files).includes("one.txt"))!;
      expect(await json(w, ["undo", "--call", one.calls[0].id])).toMatchObject({ applied: true });
      expect(existsSync(at(w, "one.txt"))).toBe(false);

      expect(await json(w, ["undo"])).toMatchObject({ applied: true });
      expect(existsSync(at(w, "two.txt"))).toBe(false);
      expect(read(w, "config.txt")).toMatch(/AGENT 1\n.*MINE 5\n.*line 9\n/s);

      // The first turn lies below what I did: without --merge it stays, with it only the agent's line goes.
      expect(read(w, "config.txt")).toContain("MINE 5");
      expect((await json(w, ["undo", "--merge"])).applied).toBe(true);
      expect(read(w, "config.txt")).toMatch(/line 1\n.*MINE 5\n.*line 9\n/s);

      w.model.script(story(say("I see.")));
      const third = await w.ask("Go on", ["--continue"]);
      const told = injected(third.asked.find(({ kind }) => kind === "main")!);
      expect(told).toContain('<tidemark kind="undo">');
      expect(told).toContain("two.txt");
      await settled(w);
    });

    test("a subagent's changes are its own, and go with the turn", async () => {
      const w = await fresh(client);
      const before = contents(w.repo);
      const inner = ["printf 'by the subagent\\n' > sub.txt && rm inner.txt"];
      const script: Script = ({ kind }, n) => {
        if (kind === "subagent") return n === 0 ? call("Bash", { command: inner[0]!, description: "Work" }) : say("The subagent is done.");
        return [call("Agent", { description: "Do it", prompt: "Work on it", subagent_type: "general-purpose", run_in_background: false }), say("All done.")][Math.min(n, 1)]!;
      };
      writeFileSync(at(w, "inner.txt"), "precious\n");
      w.model.script(script);
      expect((await w.ask("Have it done")).exit).toBe(0);
      await settled(w);
      expect(read(w, "sub.txt")).toBe("by the subagent\n");
      const own = ((await json(w, ["checkpoints"])) as any[]).find(({ files }) => JSON.stringify(files).includes("sub.txt"))!;
      expect(JSON.stringify(own.calls)).toMatch(/"thread":"[^"]+"/);
      expect(await json(w, ["undo"])).toMatchObject({ applied: true, conflicts: [] });
      expect(contents(w.repo)).toEqual({ ...before, "inner.txt": expect.stringContaining("precious") });
    });

    test("with the engine killed in the middle, calls are attended all the same", async () => {
      const w = await fresh(client);
      writeFileSync(at(w, "mine.txt"), "never committed\n");
      const before = contents(w.repo);
      w.model.script(async ({ kind }, n) => {
        if (kind !== "main") return say("-");
        if (n === 1) {
          // The engine dies between two calls.
          for (const { pid, command } of w.processes()) if (/tidemark\.js engine/.test(command)) process.kill(pid, "SIGKILL");
          await pause(100);
        }
        return [bash("echo one > one.txt"), bash("rm mine.txt; echo two > two.txt"), say("Done.")][Math.min(n, 2)]!;
      });
      expect((await w.ask("Change things")).exit).toBe(0);
      await settled(w);
      expect(existsSync(at(w, "mine.txt"))).toBe(false);
      expect(await json(w, ["undo"])).toMatchObject({ applied: true, conflicts: [] });
      expect(contents(w.repo)).toEqual(before);
    });

    test("what I change while the model thinks is not lost to the next command", async () => {
      const w = await fresh(client);
      w.model.script(async ({ kind }, n) => {
        if (kind !== "main") return say("-");
        if (n === 1) writeFileSync(at(w, "notes.txt"), "my own words\n");
        return [bash("true && echo x > x.txt"), bash("git checkout ."), say("Done.")][Math.min(n, 2)]!;
      });
      await w.ask("Clean up");
      await settled(w);
      expect(read(w, "notes.txt")).not.toBe("my own words\n");
      await tidemark(w, ["undo"]);
      expect(read(w, "notes.txt")).toBe("my own words\n");
    });
  });
}

