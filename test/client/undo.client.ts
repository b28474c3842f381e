/**
 * Undo with the real client: what it writes, edits, runs in a shell and has a subagent do comes back exactly, by turn and by
 * call, and what a person edited in between stays. The model is on loopback and says what the test tells it to.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { contents } from "../tree-world.ts";
import { clients, world, type World } from "./client.ts";
import { call, say, story } from "./model.ts";
import { hookFailures, json, settled, wired } from "./tidemark.ts";

const found = await clients();

async function fresh(client: { version: any; binary: string }): Promise<World> {
  const w = await world(client, onTestFinished);
  await wired(w);
  return w;
}

for (const client of found) {
  if ("missing" in client) {
    describe.skip(`${client.version}: ${client.missing}`, () => void test("everything", () => {}));
    continue;
  }

  describe(client.version, () => {
    test("Write, Edit, sed -i, rm and git checkout . come back exactly", async () => {
      const w = await fresh(client);
      const file = (name: string): string => join(w.repo, name);
      writeFileSync(file("mine.txt"), "never committed\n");
      writeFileSync(file("notes.txt"), `${readFileSync(file("notes.txt"), "utf8")}dirty\n`);
      const before = contents(w.repo);
      w.model.script(story(
        call("Read", { file_path: file("notes.txt") }),
        call("Edit", { file_path: file("notes.txt"), old_string: "two", new_string: "TWO" }),
        call("Write", { file_path: file("new.txt"), content: "made\n" }),
        call("Bash", { command: "sed -i s/made/changed/ new.txt && rm mine.txt && mkdir -p a/b && echo x > a/b/c", description: "Change" }),
        call("Bash", { command: "git checkout .", description: "Throw away" }),
        say("Done."),
      ));
      expect((await w.ask("Change things")).exit).toBe(0);
      await settled(w);
      expect(contents(w.repo)).not.toEqual(before);
      const checkpoints = (await json(w, ["checkpoints"])) as any[];
      expect(checkpoints.filter(({ kind }) => kind === "call").map(({ calls }) => calls.map(({ tool }: any) => tool).join())).toEqual(["Edit", "Write", "Bash", "Bash"]);
      const undone = await json(w, ["undo"]);
      expect(undone.conflicts).toEqual([]);
      expect(contents(w.repo)).toEqual(before);
      expect(hookFailures(w)).toEqual([]);
    });
  });
}

void execFileSync;
