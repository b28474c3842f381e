/**
 * `tidemark context` says what an agent is given; the real client shows what it gives. Both are held against each other
 * over all layouts: the same files, in the same order, with the same text. What the client gave is kept for those who do
 * not have it: `TIDEMARK_RECORD=1 npm run test:client -- instructions` writes test/fixtures/claude-code/instructions.json.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { claudeInstructionsAt, DISK } from "../../src/operations/instructions.ts";
import { LAYOUTS } from "../instruction-layouts.ts";
import { world } from "./client.ts";
import { given, named, startOf } from "./instructions.ts";
import { presentClients } from "./present.ts";

const FIXTURE = join(import.meta.dirname, "../fixtures/claude-code/instructions.json");
const recorded: Record<string, Record<string, { given: string[]; listed: string[] }>> = {};

for (const client of await presentClients()) {
  describe(client.version, () => {
    test.each(LAYOUTS)("$name", async (layout) => {
      const w = await world(client, onTestFinished);
      const theirs = await given(w, layout);
      const listed: string[] = [];
      const disk = { ...DISK, list: (folder: string) => DISK.list(folder).map((each) => (listed.push(each.path), each)) };
      const { files } = claudeInstructionsAt(startOf(layout, w.root, client.version), disk);
      const show = ({ path, text }: { readonly path: string; readonly text: string }): string => named(w.root, `${path}\n${text.trim()}`);
      expect(files.map(show)).toEqual(theirs.map(show));
      ((recorded[client.version] ??= {})[layout.name] ??= { given: theirs.map(show), listed: [...new Set(listed)].map((path) => named(w.root, path)) });
    });
  });
}

afterAll(() => {
  if ((process.env["TIDEMARK_RECORD"] ?? "") === "") return;
  const kept = JSON.parse(readFileSync(FIXTURE, "utf8")) as typeof recorded;
  writeFileSync(FIXTURE, `${JSON.stringify({ ...kept, ...recorded }, undefined, 1)}\n`);
});
