/**
 * Hooks and engines are killed at random while the real client works: it goes on, every call is told once, and nothing is
 * left behind. `TIDEMARK_KILLS` sets how many; the seed is printed. The same with a client that is played, and with more
 * kills, is test/damage/capture.test.ts.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { randomFrom, seedOf } from "../damage/batches.ts";
import { world } from "./client.ts";
import { call, say, story } from "./model.ts";
import { presentClients } from "./present.ts";
import { CLI, json, settled, tidemark, wired } from "./tidemark.ts";

const KILLS = Number(process.env["TIDEMARK_KILLS"] ?? 50);
const CALLS = 40;

for (const client of await presentClients()) {
  test(`${client.version}: ${KILLS} kills while it works`, async () => {
    const random = randomFrom(seedOf(`kills ${client.version}`));
    const w = await world(client, onTestFinished);
    await wired(w);
    // The client does not start its engine again: others take its place, as those of further sessions would.
    const engines = new Set<ChildProcess>();
    const startEngine = (): void => {
      const engine = spawn(process.execPath, [CLI, "engine"], { cwd: w.repo, env: w.env, stdio: ["pipe", "ignore", "ignore"] });
      engine.stdin!.on("error", () => undefined);
      engines.add(engine.once("close", () => void engines.delete(engine)));
    };
    const sessions: string[] = [];
    let [kills, slowest] = [0, 0];
    for (let run = 0; kills < KILLS; run++) {
      w.model.script(story(...Array.from({ length: CALLS }, (_each, n) => call("Bash", { command: `echo ${run}-${n}`, description: "Say it" })), say(`Run ${run} is done.`)));
      let working = true;
      const killing = (async () => {
        while (working) {
          await pause(30 + random() * 250);
          const victims = w.processes().filter(({ command }) => command.includes("tidemark.js engine") || command.includes(": tidemark;"));
          const victim = victims[Math.floor(random() * victims.length)];
          if (victim !== undefined) kills += kill(victim.pid);
          if (!victims.some(({ command }) => command.includes("engine"))) startEngine();
        }
      })();
      const { exit, result, asked } = await w.ask(`Do run ${run}`, [], { within: 120_000 });
      working = false;
      await killing;
      expect(exit).toBe(0);
      sessions.push(result.session_id);
      const main = asked.filter(({ kind }) => kind === "main");
      expect(main.length).toBe(CALLS + 1);
      for (const [i, one] of main.slice(1).entries()) slowest = Math.max(slowest, one.at - (main[i]!.answered ?? main[i]!.at));
    }
    for (const engine of engines) engine.stdin!.end();
    await tidemark(w, ["drain"]);
    await settled(w, 20_000).catch(async (error: unknown) => {
      // Half a payload of a hook that was killed is kept for a while before it is given up.
      if (!/ 0 run|there run: $/.test(String(error))) throw error;
    });
    for (const [run, id] of sessions.entries()) {
      const { turns } = await json(w, ["show", id]);
      expect(turns.map(({ prompt, ending, calls }: any) => [prompt, ending, calls]), `run ${run}`).toEqual([[`Do run ${run}`, "completed", CALLS]]);
    }
    expect((await json(w, ["verify"])).problems).toEqual([]);
    // A hook that is killed is over at once; five seconds is what the client would wait for one.
    expect(slowest).toBeLessThan(5000);
    console.log(`${client.version}: ${kills} kills, ${sessions.length * CALLS} calls, 0 lost, 0 doubled; the slowest call took ${slowest.toFixed(0)} ms with its hooks`);
  }, 900_000);
}

function kill(pid: number): number {
  try {
    process.kill(pid, "SIGKILL");
    return 1;
  } catch {
    return 0;
  }
}
