/** The real client as a model: what `tidemark model agent` sends through it, and that it leaves neither a session nor a trace of ours. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { modelAt } from "../../src/models/text-model.ts";
import { world } from "./client.ts";
import { presentClients } from "./present.ts";

for (const client of await presentClients()) {
  test(`${client.version} answers without hooks, tools, instruction files and a transcript`, async () => {
    const here = await world(client, (done) => onTestFinished(done));
    here.settings({ hooks: Object.fromEntries(["SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"].map((event) => [event, [{ hooks: [{ type: "command", command: `touch ${join(here.root, "hook-ran")}` }] }]])) });
    for (const folder of [here.repo, here.config]) writeFileSync(join(folder, "CLAUDE.md"), "Quark wombat.\n");
    const environment = { ...here.env, PATH: `${join(client.binary, "..")}:${here.env["PATH"]}` };
    const model = modelAt({ kind: "agent", model: "haiku", folder: here.repo, environment });
    const answered = await model.ask({ system: "You find what is worth remembering.", text: '{"n":1,"who":"user","text":"hello"}', most: 100 }, 60_000);
    expect(answered).toMatchObject({ text: expect.stringMatching(/^\{.*\}$/), input: expect.any(Number), output: expect.any(Number), cost: expect.any(Number), cut: false });
    // Without tools it looks to the loopback model like the client's own housekeeping.
    const [asked, ...more] = here.model.asked;
    expect(more).toEqual([]);
    expect(asked!.body.tools ?? []).toEqual([]);
    expect(JSON.stringify(asked!.body.system)).toContain("You find what is worth remembering.");
    expect(asked!.text).toContain("hello");
    expect(asked!.text).not.toContain("wombat");
    expect([...here.transcripts().keys()]).toEqual([]);
    expect(readdirSync(here.root)).not.toContain("hook-ran");
    const alone = modelAt({ kind: "agent", model: "haiku", folder: here.repo, environment: { ...environment, ANTHROPIC_BASE_URL: "http://127.0.0.1:1" } });
    expect(await alone.ask({ system: "Answer.", text: "hello", most: 100 }, 60_000).catch((error: unknown) => error)).toMatchObject({ code: "MODEL_DOWN" });
  }, 120_000);
}
