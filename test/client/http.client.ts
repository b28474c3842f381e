/**
 * `tidemark serve` as the real client uses it: added with the very line that it prints, connected in the client's own
 * health check, and a tool called by the (loopback) model. Without the token the client says that it needs one.
 */
import { execFile } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { world } from "./client.ts";
import { call, say, story } from "./model.ts";
import { presentClients } from "./present.ts";
import { serve } from "./serve.ts";
import { tidemark } from "./tidemark.ts";

const runFile = promisify(execFile);

for (const client of await presentClients()) {
  describe(client.version, () => {
    test("the printed line adds it, the client connects, and its model's call is answered from the store", async () => {
      const w = await world(client, onTestFinished);
      await tidemark(w, ["remember", "Deploys go through the blue gate."]);
      const { url, add } = await serve(w);
      symlinkSync(client.binary, join(w.root, "claude"));
      await runFile("bash", ["-c", add], { cwd: w.repo, env: { ...w.env, PATH: `${w.root}:${w.env["PATH"]}` } });
      expect((await w.run(["mcp", "list"])).out).toMatch(new RegExp(`tidemark: ${url} \\(HTTP\\) - \\S+ Connected`));

      w.model.script(story(call("mcp__tidemark__recall", { query: "which gate do deploys go through" }), say("The blue gate.")));
      const asked = (await w.run(["-p", "How do we deploy?", "--output-format", "json", "--allowedTools", "mcp__tidemark__recall"])).asked.filter(({ kind }) => kind === "main");
      expect(JSON.stringify(asked.at(-1)!.body)).toContain("blue gate");
      expect(JSON.stringify(asked.at(-1)!.body)).toContain("tool_result");
    });

    test("without the token it is told that it needs one", async () => {
      const w = await world(client, onTestFinished);
      const { url } = await serve(w);
      await w.run(["mcp", "add", "--transport", "http", "tidemark", url]);
      const { out } = await w.run(["mcp", "list"]);
      expect(out).toContain(url);
      expect(out).toMatch(/Needs authentication|Failed to connect/);
    });
  });
}
