/**
 * The git commands that others run for a checkpoint of the same tree, as read in their sources (their code is not run), on
 * git folders of their own: the tree's is copied. CPU time is of all their processes, as bash tells it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sleep, type Cost } from "./measure.ts";
import { gitEnvironment, type Editor } from "./trees.ts";

export interface Peer {
  readonly name: string;
  readonly first: Cost[];
  readonly next: Cost[];
}

const G = "git -c gc.auto=0 -c maintenance.auto=false -c core.hooksPath=/dev/null";

interface Sequence {
  readonly name: string;
  readonly first: (place: string, tree: string) => string;
  readonly next: (place: string, tree: string) => string;
}

const shadow = (place: string, tree: string): string => `export GIT_DIR=${place}/shadow GIT_WORK_TREE=${tree};`;
const own = (place: string, tree: string): string => `export GIT_DIR=${place}/own GIT_WORK_TREE=${tree};`;
const stashed = `c=$(${G} stash create cp); ${G} ls-files --others --exclude-standard -z | wc -c; if [ -n "$c" ]; then for x in '^{tree}' '^1' '^2'; do ${G} rev-parse $c$x; done; ${G} update-ref refs/bench/s/1 $c; else ${G} rev-parse HEAD; fi`;
const seeded = (place: string, tree: string): string => {
  const at = `--git-dir ${place}/shadow --work-tree ${tree}`;
  return `cd ${tree}; { ${G} ${at} diff-files --name-only -z -- . >${place}/a & ${G} ${at} ls-files --full-name --others --exclude-standard -z -- . >${place}/b; wait; }; cat ${place}/a ${place}/b >${place}/c; if [ -s ${place}/c ]; then ${G} check-ignore --no-index --stdin -z <${place}/c; ${G} ${at} add --all --sparse --pathspec-from-file=${place}/c --pathspec-file-nul; fi; ${G} ${at} write-tree`;
};
const fresh = `rm -f $GIT_INDEX_FILE; ${G} read-tree HEAD && ${G} add -A && t=$(${G} write-tree) && c=$(${G} commit-tree -p HEAD -m cp $t) && ${G} update-ref refs/bench/t/1 $c`;

const SEQUENCES: readonly Sequence[] = [
  {
    name: "opencode",
    first: (place, tree) => `GIT_DIR=${place}/shadow GIT_WORK_TREE=${tree} ${G} init -q; for c in core.autocrlf=false core.fsmonitor=false feature.manyFiles=true index.version=4 core.untrackedCache=true index.threads=true; do ${G} --git-dir ${place}/shadow config \${c%%=*} \${c##*=}; done; echo ${place}/own/objects >${place}/shadow/objects/info/alternates; cp ${place}/own/index ${place}/shadow/index; ${seeded(place, tree)}`,
    next: seeded,
  },
  {
    name: "Cline up to 3",
    first: (place, tree) => `${shadow(place, tree)} ${G} init -q && ${G} config core.worktree ${tree} && ${G} add . --ignore-errors && ${G} commit -qm initial --allow-empty --no-verify`,
    next: (place, tree) => `${shadow(place, tree)} ${G} add . --ignore-errors && ${G} commit -qm cp --allow-empty --no-verify`,
  },
  { name: "Cline 4", first: (place, tree) => `${own(place, tree)} ${stashed}`, next: (place, tree) => `${own(place, tree)} ${stashed}` },
  {
    name: "Gemini CLI",
    first: (place, tree) => `${shadow(place, tree)} ${G} init -q && ${G} commit -qm i --allow-empty && ${G} add . && ${G} status --porcelain && ${G} commit -qm cp --no-verify`,
    next: (place, tree) => `${shadow(place, tree)} ${G} add . && ${G} status --porcelain -b -u --null && { ${G} commit -qm cp --no-verify || true; }`,
  },
  {
    name: "VS Code agent sessions",
    first: (place, tree) => `${own(place, tree)} export GIT_INDEX_FILE=${place}/new.index; ${fresh}`,
    next: (place, tree) => `${own(place, tree)} export GIT_INDEX_FILE=${place}/new.index; ${fresh}`,
  },
  {
    name: "kept shadow index (add -A, write-tree)",
    first: (place, tree) => `${own(place, tree)} cp ${place}/own/index ${place}/kept.index; ${kept(place, tree)}`,
    next: (place, tree) => kept(place, tree),
  },
];

/** The synchronous checkpoint that costs least of what git offers: what stands beside a hook that waits. */
export function kept(place: string, tree: string): string {
  return `${own(place, tree)} export GIT_INDEX_FILE=${place}/kept.index; ${G} add -A && ${G} write-tree`;
}

export function prepareKept(place: string, tree: string): void {
  mkdirSync(place, { recursive: true });
  cpSync(join(tree, ".git"), join(place, "own"), { recursive: true, preserveTimestamps: true });
  timed(tree, SEQUENCES.find(({ name }) => name.startsWith("kept"))!.first(place, tree));
}

export function timed(cwd: string, line: string): Cost {
  const { status, stderr } = spawnSync("bash", ["-c", `TIMEFORMAT='@@%3R %3U %3S'; time { { ${line}\n} >/dev/null 2>&1; }`], { cwd, env: gitEnvironment({ GIT_OPTIONAL_LOCKS: "1" }), encoding: "utf8" });
  const found = /@@([\d.]+) ([\d.]+) ([\d.]+)/.exec(stderr);
  if (status !== 0 || found === null) throw new Error(`${line} ended with ${status}: ${stderr}`);
  const [wall, user, system] = found.slice(1).map((seconds) => Number(seconds) * 1000);
  return { wall: wall!, cpu: user! + system! };
}

export function peers(tree: string, work: string, rounds: number, editor: Editor): Peer[] {
  const all = SEQUENCES.map((sequence, i) => ({ sequence, place: join(work, `peer-${i}`), name: sequence.name, first: [] as Cost[], next: [] as Cost[] }));
  for (const { place, sequence, first } of all) {
    mkdirSync(place, { recursive: true });
    cpSync(join(tree, ".git"), join(place, "own"), { recursive: true, preserveTimestamps: true });
    first.push(timed(tree, sequence.first(place, tree)));
  }
  for (let round = 0; round < rounds; round++) {
    for (const { place, sequence, next } of round % 2 === 0 ? all : all.toReversed()) {
      editor.edit(editor.pick(1));
      sleep(30);
      next.push(timed(tree, sequence.next(place, tree)));
    }
  }
  for (const { place } of all) rmSync(place, { recursive: true });
  editor.undo();
  return all;
}
