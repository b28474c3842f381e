/** Likely files from what the log holds of a project. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer, event, prompt, START, started } from "../../test/builders.ts";
import { scratch } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import { likelyFor } from "./likely.ts";
import { takeInPassages } from "./passages.ts";
import { refreshSummaries } from "./sessions.ts";

test("files of the project that sessions like the request changed are likely, but for those that are gone, read only, or elsewhere", async () => {
  const project = scratch();
  mkdirSync(join(project, "src"));
  for (const name of ["flute.ts", "drum.ts", "seen.ts"]) writeFileSync(join(project, "src", name), "");
  const touched = (session: string, change: "edited" | "read", ...paths: string[]): Event => event("files.touched", { call: "c", files: paths.map((path) => ({ path, change })) }, { session });
  const store = await openInProcessStore();
  await store.append([
    started("s1", project), prompt("The woodwind section is out of tune", { session: "s1" }), answer("tuned it", { session: "s1" }), touched("s1", "edited", `${project}/src/flute.ts`, `${project}/src/gone.ts`, "/etc/hosts"), touched("s1", "read", `${project}/src/seen.ts`),
    started("s2", project), prompt("Percussion is too loud", { session: "s2" }), answer("softer now", { session: "s2" }), touched("s2", "edited", `${project}/src/drum.ts`),
    started("s3", "/elsewhere"), prompt("woodwind again", { session: "s3" }), answer("yes", { session: "s3" }), touched("s3", "edited", "/elsewhere/src/horn.ts"),
  ]);
  await refreshSummaries(store);
  await takeInPassages(store);
  const files = await likelyFor(store, "tune the woodwind section", { project, now: START + 86_400_000, limit: 10 });
  expect(files.map(({ path }) => path).toSorted()).toEqual(["src/drum.ts", "src/flute.ts"]);
  expect(files.find(({ path }) => path === "src/flute.ts")?.reasons).toContain("changed in sessions like it");
});
