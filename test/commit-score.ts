/** Links that are found against those that hold, over a history made by chance: right, wrong and missed ones. */
import { linkCommits } from "../src/operations/commits.ts";
import { openInProcessStore } from "../src/store/in-process/store.ts";
import { openRepository } from "../src/worktree/repository.ts";
import type { CommitHistory } from "./commit-history.ts";
import { GIT } from "./tree-world.ts";

export interface Score {
  readonly commits: number;
  readonly right: number;
  readonly false: number;
  readonly missed: number;
  readonly wrong: readonly string[];
  readonly done: ReadonlyMap<string, number>;
}

export async function score({ world, truths, done }: CommitHistory): Promise<Score> {
  const environment = { PATH: process.env["PATH"] ?? "", ...GIT };
  const repository = openRepository(world.root, environment);
  if (repository === undefined) throw new Error("the history has no repository");
  const linked = await linkCommits({ store: world.store, log: await openInProcessStore(), root: world.root, environment, repository }, truths.map(({ sha }) => sha));
  let [right, wrongly, missed] = [0, 0, 0];
  const wrong: string[] = [];
  for (const [i, { sha, subject, certain, possible }] of truths.entries()) {
    const found = new Map(linked[i]!.turns.map(({ session, turn, lines, files, paths }) => [`${session} ${turn}`, `${lines} lines, ${files} files: ${paths.join(" ")}`]));
    for (const turn of certain) {
      if (found.has(turn)) right += 1;
      else wrong.push(`missed ${sha.slice(0, 8)} ${subject}: ${turn}`);
    }
    missed += [...certain].filter((turn) => !found.has(turn)).length;
    for (const [turn, what] of found) {
      if (possible.has(turn)) continue;
      wrongly += 1;
      wrong.push(`false ${sha.slice(0, 8)} ${subject}: ${turn} (${what})`);
    }
  }
  return { commits: truths.length, right, false: wrongly, missed, wrong, done };
}

export const precision = (all: readonly Score[]): number => sum(all, "right") / (sum(all, "right") + sum(all, "false"));
export const recall = (all: readonly Score[]): number => sum(all, "right") / (sum(all, "right") + sum(all, "missed"));

function sum(all: readonly Score[], what: "commits" | "right" | "false" | "missed"): number {
  return all.reduce((total, one) => total + one[what], 0);
}

export function count(all: readonly Score[]): string {
  const done = new Map<string, number>();
  for (const one of all) for (const [what, times] of one.done) done.set(what, (done.get(what) ?? 0) + times);
  return [
    `${all.length} histories, ${sum(all, "commits")} commits; ${[...done].map(([what, times]) => `${what} ${times}`).join(", ")}`,
    `${sum(all, "right")} links right, ${sum(all, "false")} false, ${sum(all, "missed")} missed: precision ${precision(all).toFixed(4)}, recall ${recall(all).toFixed(4)}`,
  ].join("\n");
}
