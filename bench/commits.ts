/**
 * How well commits are linked to the turns whose work they hold, over histories made by chance in which whose each line is
 * is known (test/commit-history.ts). A link counts as right where the turn wrote or took out a line of the commit or named
 * a file of it; links to turns that only may have are left out of both figures.
 *
 *   node scripts/run.mjs bench/commits.ts [HISTORIES] [FIRST SEED] [STEPS]
 */
import { commitHistory } from "../test/commit-history.ts";
import { count, score, type Score } from "../test/commit-score.ts";

const [histories = 40, first = 1, steps = 40] = process.argv.slice(2).map(Number);
const all: Score[] = [];
for (let seed = first; seed < first + histories; seed++) {
  const done: (() => void)[] = [];
  try {
    const made = commitHistory((work) => void done.push(work), seed, steps);
    const own = await score(made);
    all.push(own);
    if (process.env["WRONG"] !== undefined) for (const line of own.wrong) console.log(`seed ${seed}: ${line}`);
  } finally {
    for (const work of done) work();
  }
}
console.log(count(all));
