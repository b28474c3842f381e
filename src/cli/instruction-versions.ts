/** `tidemark context log`, `diff` and `restore`: the versions of one instruction file. Loaded with the command `context`. */
import { basename, dirname, resolve } from "node:path";
import { unifiedDiff } from "../base/diff.ts";
import { TidemarkError } from "../base/errors.ts";
import { plural } from "../base/text.ts";
import { restoreVersion, versionsOf, type FileVersion, type KeptTree, type Versions } from "../operations/instruction-versions.ts";
import { whyRefused } from "../operations/tree-place.ts";
import { treeOf } from "../worktree/project.ts";
import type { Context } from "./command.ts";
import { shortId } from "./commands/sessions.ts";
import { userHome } from "./environment.ts";
import { age, iso } from "./format.ts";
import { hasCheckpoints, inThisTree } from "./trees.ts";

export async function aboutVersions(verb: "log" | "diff" | "restore", args: readonly string[], context: Context): Promise<number> {
  const [file, ...numbers] = args;
  if (file === undefined || numbers.length > (verb === "log" ? 0 : verb === "diff" ? 2 : 1)) throw new TidemarkError("BAD_VALUE", `context ${verb} takes a file${verb === "log" ? "" : verb === "diff" ? " and up to two versions" : " and a version"}`);
  const path = resolve(context.cwd, file);
  const log = await context.caughtUp();
  return inTreeOf(context, path, async (tree) => {
    const versions = await versionsOf(log, path, tree);
    switch (verb) {
      case "log":
        context.terminal.answer({ path, versions: versions.versions.map(versionJson) }, () => sayLog(context, versions));
        return 0;
      case "diff":
        sayDiff(context, versions, numbers.map(numberOf));
        return 0;
      case "restore": {
        if (numbers[0] === undefined) throw new TidemarkError("BAD_VALUE", "context restore takes a file and the number of a version", { hint: `tidemark context log ${file}` });
        const n = numberOf(numbers[0]);
        const { written } = await restoreVersion(log, versions, n, tree, context.now);
        context.terminal.answer({ path, n, written }, () => context.terminal.line(written ? `${file} is version ${n} again. What stood there is kept: tidemark context log ${file}` : `${file} is version ${n} already.`));
        return 0;
      }
    }
  });
}

/** With the tree that the file lies in, where checkpoints of it are kept; looked at, so that what stands there is the last version. */
async function inTreeOf<T>(context: Context, path: string, body: (tree: KeptTree | undefined) => Promise<T>): Promise<T> {
  if (!hasCheckpoints(context.home) || whyRefused(treeOf(dirname(path)), userHome()) !== undefined) return body(undefined);
  return inThisTree({ ...context, cwd: dirname(path) }, async (tree) => {
    if (tree.store.newest(tree.root) === 0) return body(undefined);
    tree.keeper.look("forced");
    return body(tree);
  });
}

function numberOf(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new TidemarkError("BAD_VALUE", `a version is a number from 1 on, not "${text}"`);
  return Number(text);
}

function versionJson({ time, agent, turn, checkpoint, ...rest }: FileVersion): Record<string, unknown> {
  return { ...rest, time: time === 0 ? null : iso(time), agent: agent ?? null, turn: turn ?? null, checkpoint: checkpoint ?? null };
}

function sayLog({ terminal, now }: Context, { path, versions }: Versions): void {
  terminal.line(`${path}: ${plural(versions.length, "version")}`);
  terminal.line();
  terminal.table(
    [{ title: "version", align: "right" }, { title: "when" }, { title: "lines" }, { title: "by", flexible: true }],
    versions.toReversed().map((each) => [String(each.n), each.time === 0 ? "" : age(each.time, Math.max(now, each.time)), changeOf(each), whoseOf(each)]),
  );
}

function changeOf({ added, removed, bytes, missing }: FileVersion): string {
  if (missing !== undefined) return "not kept";
  if (bytes === undefined) return "deleted";
  return added === undefined ? "" : `+${added} -${removed ?? 0}`;
}

function whoseOf({ by, agent, sessions, turn, checkpoint, missing }: FileVersion): string {
  const who = `${sessions.map(shortId).join(" or ")}${turn === undefined ? "" : ` turn ${turn}`}`;
  const words = { agent: `${agent ?? "agent"} ${who}`, outside: "you or another program", restore: `taken back ${who}`.trim(), seen: "before the record" }[by];
  return `${words}${checkpoint === undefined ? "" : `, checkpoint ${checkpoint.slice(0, 8)}`}${missing === undefined ? "" : ` (${missing})`}`;
}

function sayDiff({ terminal }: Context, versions: Versions, [a, b]: readonly number[]): void {
  const last = versions.versions.length;
  const to = b ?? last;
  const from = a ?? to - 1;
  if (from < 1) throw new TidemarkError("BAD_VALUE", `Only one version of ${versions.path} is kept, so there is nothing to compare`, { hint: `tidemark context log ${versions.path}` });
  const lines = unifiedDiff(versions.textOf(from) ?? "", versions.textOf(to) ?? "");
  const name = basename(versions.path);
  const patch = lines.length === 0 ? "" : [`--- ${name} (version ${from})`, `+++ ${name} (version ${to})`, ...lines].map((line) => `${line.replace(/\n$/, "")}\n`).join("");
  terminal.answer({ path: versions.path, a: from, b: to, patch }, () => {
    if (patch === "") terminal.line(`Versions ${from} and ${to} are the same.`);
    for (const line of patch.split("\n").slice(0, -1)) terminal.line(terminal.style(line.startsWith("+") ? "green" : line.startsWith("-") ? "red" : line.startsWith("@@") ? "cyan" : "dim", line));
  });
}
