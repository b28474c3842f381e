/** What recall makes of the passages that a store finds: order by branch, budget, sources, and the check of files. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer, event, prompt, START, started } from "../../test/builders.ts";
import { scratch } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Store } from "../store/store.ts";
import { recall, type RecallOptions, type RecallResult } from "./recall.ts";
import { refreshSummaries } from "./sessions.ts";

async function storeOf(...events: Event[]): Promise<Store> {
  const store = await openInProcessStore();
  await store.append(events);
  await refreshSummaries(store);
  return store;
}

const ask = (store: Store, text: string, options: Partial<RecallOptions> = {}): Promise<RecallResult> => recall(store, text, { now: START + 86_400_000, limit: 10, length: 400, tokens: 1500, ...options });
const begun = (session: string, branch: string): Event => event("session.started", { project: "/work/app", branch }, { id: `${session}:started`, session });

test("what was appended is recalled without anything else being done first, with where it comes from", async () => {
  const said = answer("We keep the flute in the cupboard");
  const store = await storeOf(started("s1", "/work/app"), prompt("Where is it?"), said);
  expect((await ask(store, "flute")).items[0]).toMatchObject(
    { id: said.id, kind: "episodic", statement: "We keep the flute in the cupboard", scope: "project /work/app", trust: "inferred", valid_from: said.time, recorded_at: said.time, sources: [{ session: "s1", turn: 1, event: said.id }], check: "unverified", role: "assistant" },
  );
});

test("of hits that fit alike the own branch comes first, then what it holds, then the rest", async () => {
  const on = (session: string, branch: string): Event[] => [begun(session, branch), prompt(`flute number of ${branch}`, { session })];
  const store = await storeOf(...on("s1", "elsewhere"), ...on("s2", "mine"), ...on("s3", "main"));
  const { items } = await ask(store, "flute number", { own: "mine", merged: new Set(["main"]) });
  expect(items.map(({ branch }) => branch)).toEqual(["mine", "main", "elsewhere"]);
});

test("the budget in tokens holds, and what it leaves out is counted", async () => {
  const store = await storeOf(...Array.from({ length: 6 }, (_, i) => prompt(`flute ${"la ".repeat(60)} ${i}`, { session: `s${i}` })));
  const { items, tokens, left_out: leftOut } = await ask(store, "flute", { tokens: 150 });
  expect(items.length).toBeGreaterThan(0);
  expect(tokens).toBeLessThanOrEqual(150);
  expect(items.length + leftOut).toBe(6);
});

test("a passage that names files says whether they are as they were", async () => {
  const project = scratch();
  mkdirSync(join(project, "src"));
  const file = (name: string, time: number): void => {
    writeFileSync(join(project, "src", name), "x");
    utimesSync(join(project, "src", name), time / 1000, time / 1000);
  };
  file("old.ts", START - 60_000);
  file("new.ts", START + 7_200_000);
  const said = (text: string, session: string): Event[] => [started(session, project), answer(text, { session, time: START })];
  const store = await storeOf(...said("flute in src/old.ts", "s1"), ...said("flute in src/new.ts", "s2"), ...said(`flute in ${project}/src/away.ts`, "s3"), ...said("flute in prose", "s4"));
  const { items } = await ask(store, "flute");
  expect(Object.fromEntries(items.map(({ sources, check }) => [sources[0]!.session, check]))).toEqual({ s1: "current", s2: "changed", s3: "gone", s4: "unverified" });
});
