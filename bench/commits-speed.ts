/**
 * What it costs to link commits in a long history, where nothing is noted down between one call and the next: one commit, all that
 * hold work of a session that touched many of the files, and every commit. Prints raw rounds of wall time.
 *
 *   node scripts/run.mjs bench/commits-speed.ts [COMMITS] [FILES]
 */
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { commitsOfSession, linkCommits } from "../src/operations/commits.ts";
import { openInProcessStore } from "../src/store/in-process/store.ts";
import { openRepository } from "../src/worktree/repository.ts";
import { GIT, treeWorld } from "../test/tree-world.ts";

const [commits = 10_000, files = 500] = process.argv.slice(2).map(Number);
const ROUNDS = 3;
const TOUCHED = 50;
const done: (() => void)[] = [];
const world = treeWorld((work) => void done.push(work));
try {
  const lines = (file: number, changed = -1): string => Array.from({ length: 100 }, (_, line) => `const value${file}_${line} = compute(${line === changed % 100 ? changed : 0});\n`).join("");
  for (let file = 0; file < files; file++) world.write(`src/f${file}.ts`, lines(file));
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.keeper.begin();
  world.prompt();
  for (let file = 0; file < TOUCHED; file++) world.edit(`src/f${file}.ts`, `${lines(file)}const ours${file} = added();\n`);
  world.git("commit", "-qam", "by an agent");
  const now = Math.floor(Date.now() / 1000);
  const stream = Array.from({ length: commits }, (_, i) => {
    const [name, text] = [`src/f${i % files}.ts`, lines(i % files, i)];
    return `commit refs/heads/main\ncommitter a <a@example.org> ${now + i} +0000\ndata 5\nwork\n${i === 0 ? "from refs/heads/main^0\n" : ""}M 100644 inline ${name}\ndata ${Buffer.byteLength(text)}\n${text}\n`;
  }).join("");
  execFileSync("git", ["fast-import", "--quiet"], { cwd: world.root, env: { PATH: process.env["PATH"] ?? "", ...GIT }, input: stream });
  const environment = { PATH: process.env["PATH"] ?? "", ...GIT };
  const repository = openRepository(world.root, environment)!;
  const deps = { store: world.store, log: await openInProcessStore(), root: world.root, environment, repository };
  const all = world.git("rev-list", "main").split("\n");
  const agents = all[commits]!;
  console.log(`${cpus()[0]?.model ?? "unknown"} × ${cpus().length}, load ${loadavg()[0]!.toFixed(1)}, Node ${process.version}; ${all.length} commits, ${files} files of 100 lines, of which a session changed ${TOUCHED}`);
  await round("one commit", async () => (await linkCommits(deps, [agents])).filter(({ turns }) => turns.length > 0).length);
  await round("all commits of a session", async () => (await commitsOfSession(deps, "s1")).length);
  await round("every commit", async () => (await linkCommits(deps, all)).filter(({ turns }) => turns.length > 0).length);
} finally {
  for (const work of done) work();
}

async function round(name: string, run: () => Promise<number>): Promise<void> {
  const times: string[] = [];
  let found = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    found = await run();
    times.push(`${((performance.now() - from) / 1000).toFixed(2)} s`);
  }
  console.log(`${name}: ${times.join(", ")} (${found} linked)`);
}
