/**
 * The tools of our server in the real client, which an installed engine serves: they are there, they answer, and what an undo
 * asked for by the agent puts back is the doing of the undo and of no call. The model is on loopback.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../mcp.ts";
import { world } from "./client.ts";
import { call, say, type Script } from "./model.ts";
import { presentClients } from "./present.ts";
import { hookFailures, json, settled, wired } from "./tidemark.ts";

for (const client of await presentClients()) {
  describe(client.version, () => {
    test("an agent takes up work, takes back what it did, and hands over; the next session begins with that", async () => {
      const w = await world(client, onTestFinished);
      await wired(w);
      const notes = join(w.repo, "notes.txt");
      const before = readFileSync(notes, "utf8");
      const script: Script = ({ kind, text }, n) => {
        if (kind !== "main") return say("Nothing.");
        const steps = [
          () => call("mcp__tidemark__resume", {}),
          () => call("Read", { file_path: notes }),
          () => call("Edit", { file_path: notes, old_string: "two", new_string: "TWO" }),
          () => call("mcp__tidemark__undo", {}),
          () => call("mcp__tidemark__undo", { token: /call undo with token (u_[0-9a-f]{24})/.exec(text)?.[1] ?? "none was given" }),
          () => call("mcp__tidemark__handoff", { next: ["Look at `notes.txt` again"], waiting: ["Is TWO wanted?"] }),
        ];
        return steps[n]?.() ?? say("Handed over.");
      };
      w.model.script(script);
      const { exit, asked } = await w.ask("Change it, then take it back", ["--allowedTools", "mcp__tidemark"]);
      expect(exit).toBe(0);
      const main = asked.filter(({ kind }) => kind === "main");
      const said = main.at(-1)!.text;
      for (const words of ["handle: s_", "Nothing was written. To do exactly this", "Handed over: 2 lines"]) expect(said).toContain(words);
      // The session that asks is none beside it.
      expect(said).not.toContain("At work in this tree at this moment");
      // This client can ask its user, and there is none: nothing is done behind anyone's back.
      expect(said).toContain("Nobody answered the question");
      // What the model is told of the server, in either way that the client has.
      expect(main[0]!.text).toContain("Tidemark keeps the thread of work in this project");
      await settled(w);
      expect(readFileSync(notes, "utf8")).toBe(before.replace("two", "TWO"));
      // A client that cannot ask carries it out, in another process.
      const token = /call undo with token (u_[0-9a-f]{24})/.exec(said)![1]!;
      const { call: other } = await connect({ home: "", config: "", cwd: w.repo, env: w.env }, "modern");
      expect((await other("undo", { token })).text).toMatch(/\nDone \(checkpoint [0-9a-f]{8}\)/);
      expect(readFileSync(notes, "utf8")).toBe(before);
      const made = (await json(w, ["checkpoints", "--all"])) as any[];
      expect(made.filter(({ kind }) => kind === "restore")).toHaveLength(1);
      expect(made.filter(({ kind }) => kind === "call").map((each) => each.calls.map(({ tool }: any) => tool).join())).toEqual(["Edit"]);
      expect((await json(w, ["verify"])).problems).toEqual([]);
      w.model.script(() => say("I see."));
      const next = await w.ask("Go on");
      expect(next.asked.find(({ kind }) => kind === "main")!.text).toContain("waits for a person: Is TWO wanted?");
      expect(hookFailures(w)).toEqual([]);
    });
  });
}
