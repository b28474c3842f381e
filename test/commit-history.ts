/**
 * A repository in which agents and people work at the same files, by chance that a seed gives: turns of edit tools and shell
 * commands, a person's own edits, formatters, renames; committed whole, in parts and by hunks, amended, squashed, rebased onto
 * what a colleague has done meanwhile, merged, picked and reverted, with conflicts that are resolved. Who wrote and who took
 * out each line is written down as it is done; what a commit holds is then read off its patch, as git prints it.
 *
 * Lines are of two sorts: those that are written once, and common ones that everybody writes. By the latter a turn may be linked
 * that wrote one in the same file, and none must be.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compareLines } from "../src/base/diff.ts";
import { chanceOf } from "./fuzz/chance.ts";
import { GIT, treeWorld, type TreeWorld } from "./tree-world.ts";

/** What of a commit is whose. */
export interface Truth {
  readonly sha: string;
  readonly subject: string;
  /** Turns that wrote or took out at least one of its lines, or gave a file its name. */
  readonly certain: ReadonlySet<string>;
  /** Those, and turns that may have: a line that several have written, a file that was re-indented. */
  readonly possible: ReadonlySet<string>;
}

export interface CommitHistory {
  readonly world: TreeWorld;
  readonly truths: readonly Truth[];
  /** How often each thing was done. */
  readonly done: ReadonlyMap<string, number>;
}

const COMMON = ["return null;", "}", "} else {", "import { join } from \"node:path\";", "this.close();", "continue;", "", "// eslint-disable-next-line", "const result = [];", "return result;"];
const VERBS = ["read", "write", "open", "merge", "sum", "draw", "parse", "send"];
const PATHS = ["src/a.ts", "src/b.ts", "src/c.ts", "lib/d.ts", "lib/e.ts", "f.ts"];
const SESSIONS = ["s1", "s2", "s3"];

type Actor = string;
const PERSON: Actor = "person";

export function commitHistory(cleanUp: (work: () => void) => void, seed: number, steps: number): CommitHistory {
  return new Maker(cleanUp, seed).make(steps);
}

class Maker {
  readonly #w: TreeWorld;
  readonly #chance: ReturnType<typeof chanceOf>;
  readonly #owners = new Map<string, Set<Actor>>();
  readonly #removers = new Map<string, Set<Actor>>();
  readonly #renamers = new Map<string, Set<Actor>>();
  readonly #formatters = new Map<string, Set<Actor>>();
  /** Who wrote or took out a common line in a file, and who made one. */
  readonly #common = new Map<string, Map<string, Set<Actor>>>();
  readonly #makers = new Map<string, Set<Actor>>();
  readonly #done = new Map<string, number>();
  readonly #other: string;
  #count = 0;
  #branches = 0;

  constructor(cleanUp: (work: () => void) => void, seed: number) {
    this.#w = treeWorld(cleanUp);
    this.#chance = chanceOf(seed);
    this.#other = join(dirname(this.#w.root), "colleague");
    for (const path of PATHS) this.#w.write(path, this.#text(this.#lines(PERSON, 12)));
    this.#git("add", "-A");
    this.#git("commit", "-qm", "begin");
    this.#w.keeper.begin();
    this.#git("worktree", "add", "-q", "--detach", this.#other);
    this.#git("checkout", "-qb", "work-0");
  }

  make(steps: number): CommitHistory {
    const { is } = this.#chance;
    for (let i = 0; i < steps; i++) {
      if (is(0.55)) this.#turn();
      if (is(0.4)) this.#attempt("edit of a person", () => this.#person());
      if (is(0.25)) this.#w.keeper.look("prompt");
      if (is(0.6)) this.#one([["commit", () => this.#commitAll()], ["commit of some files", () => this.#commitFiles()], ["commit of some hunks", () => this.#commitHunks()], ["amend", () => this.#amend()], ["commit by an agent", () => this.#agentCommits()]]);
      if (is(0.25)) {
        this.#commitAll();
        this.#one([["squash", () => this.#squash()], ["rebase", () => this.#rebase()], ["pick", () => this.#pick()], ["revert", () => this.#revert()], ["merge", () => this.#merge()], ["stash", () => this.#stash()]]);
      }
    }
    this.#commitAll();
    const shas = this.#git("rev-list", "--branches", "--no-merges").split("\n");
    return { world: this.#w, truths: shas.map((sha) => this.#truth(sha)), done: this.#done };
  }

  #one(acts: readonly (readonly [what: string, act: () => boolean | void])[]): void {
    const [what, act] = this.#chance.one(acts);
    this.#attempt(what, act);
  }

  #attempt(what: string, act: () => boolean | void): void {
    if (act() !== false) this.#done.set(what, (this.#done.get(what) ?? 0) + 1);
  }

  #git(...args: string[]): string {
    return this.#w.git(...args);
  }

  /** False where git refused, after a conflict perhaps. */
  #try(...args: string[]): boolean {
    try {
      execFileSync("git", args, { cwd: this.#w.root, env: { PATH: process.env["PATH"] ?? "", HOME: this.#w.home, GIT_EDITOR: "true", ...GIT }, stdio: "pipe" });
      return true;
    } catch {
      return false;
    }
  }

  // ---- lines ----

  #text(lines: readonly string[]): string {
    return lines.map((line) => `${line}\n`).join("");
  }

  #lines(who: Actor, count: number): string[] {
    const { is, one, below } = this.#chance;
    return Array.from({ length: count }, () => {
      if (is(0.3)) return one(COMMON);
      const line = `const v${(this.#count += 1)} = ${one(VERBS)}(${below(100)});`;
      this.#owners.set(line, new Set([who]));
      return line;
    });
  }

  #changed(path: string, lines: readonly string[], who: Actor): string[] {
    const { is, below, one } = this.#chance;
    const next = [...lines];
    for (let i = below(3); i >= 0; i--) {
      const at = below(next.length + 1);
      const kind = below(10);
      const out = (count: number): void => next.splice(at, count).forEach((line) => this.#took(line, who));
      if (kind < 5) next.splice(at, 0, ...this.#lines(who, 1 + below(6)));
      else if (kind < 7) out(1 + below(4));
      else if (kind < 9) {
        out(1 + below(2));
        next.splice(at, 0, ...this.#lines(who, 1 + below(3)));
      } else if (next.length > 0 && is(0.3)) {
        // A copy of a line of whomever.
        const line = one(next);
        this.#owners.get(line.trim())?.add(who);
        next.splice(at, 0, line);
      }
    }
    this.#noteCommon(path, lines, next, who);
    return next;
  }

  #noteCommon(path: string, before: readonly string[], after: readonly string[], who: Actor): void {
    const own = this.#common.get(path) ?? new Map<string, Set<Actor>>();
    this.#common.set(path, own);
    for (const { sign, lines } of compareLines(before.map((line) => line.trim()), after.map((line) => line.trim())).runs) {
      if (sign !== " ") for (const text of lines) if (COMMON.includes(text)) own.set(text, (own.get(text) ?? new Set()).add(who));
    }
  }

  #took(line: string, who: Actor): void {
    const text = line.trim();
    if (this.#owners.has(text)) this.#removers.set(text, (this.#removers.get(text) ?? new Set()).add(who));
  }

  #linesOf(path: string): string[] {
    return this.#w.read(path).split("\n").slice(0, -1);
  }

  #paths(): string[] {
    return (readdirSync(this.#w.root, { recursive: true, encoding: "utf8" })).filter((path) => path.endsWith(".ts") && !path.startsWith(".git/"));
  }

  // ---- who works ----

  #turn(): void {
    const session = this.#chance.one(SESSIONS);
    this.#w.prompt();
    const who = `${session} ${this.#w.turn()}`;
    for (let i = this.#chance.below(3); i >= 0; i--) {
      this.#act(who, (path, text) => {
        if (this.#chance.is(0.7)) this.#w.edit(path, text, { session });
        else {
          const from = join(dirname(this.#w.root), "made");
          if (text !== undefined) writeFileSync(from, text);
          this.#w.shell(text === undefined ? `rm ${path}` : `mkdir -p ${dirname(path)} && cp ${from} ${path}`, { session });
        }
      }, (from, to) => void this.#w.shell(`git mv ${from} ${to} || mv ${from} ${to}`, { session }));
    }
    this.#done.set("turn of an agent", (this.#done.get("turn of an agent") ?? 0) + 1);
  }

  #person(): void {
    this.#act(PERSON, (path, text) => (text === undefined ? rmSync(join(this.#w.root, path)) : this.#w.write(path, text)), (from, to) => void (this.#try("mv", from, to) || execFileSync("mv", [from, to], { cwd: this.#w.root })));
  }

  #act(who: Actor, put: (path: string, text: string | undefined) => void, move: (from: string, to: string) => void): void {
    const { below, one } = this.#chance;
    const paths = this.#paths();
    const kind = below(20);
    const path = one(paths);
    if (kind < 14) put(path, this.#text(this.#changed(path, this.#linesOf(path), who)));
    else if (kind < 16) {
      const made = `${one(["src", "lib", "new"])}/n${(this.#count += 1)}.ts`;
      const lines = this.#lines(who, 4 + below(12));
      this.#makers.set(made, new Set([who]));
      this.#noteCommon(made, [], lines, who);
      put(made, this.#text(lines));
    } else if (kind < 17 && paths.length > 4) {
      for (const line of this.#linesOf(path)) this.#took(line, who);
      this.#noteCommon(path, this.#linesOf(path), [], who);
      put(path, undefined);
    } else if (kind < 18) {
      const to = `${dirname(path)}/r${(this.#count += 1)}.ts`;
      this.#renamers.set(`${path} ${to}`, new Set([who]));
      this.#makers.set(to, new Set([who]));
      this.#makers.set(path, (this.#makers.get(path) ?? new Set()).add(who));
      // One file, whatever it is called on which branch.
      const common = this.#common.get(path) ?? new Map<string, Set<Actor>>();
      this.#common.set(path, common).set(to, common);
      move(path, to);
    } else {
      // A formatter: deeper by two blanks, or not at all.
      const lines = this.#linesOf(path);
      const flat = lines.some((line) => line.startsWith("  "));
      this.#formatters.set(path, (this.#formatters.get(path) ?? new Set()).add(who));
      put(path, this.#text(lines.map((line) => (flat ? line.trim() : line === "" ? "" : `  ${line}`))));
    }
  }

  // ---- what git does ----

  #commitAll(): boolean {
    this.#git("add", "-A");
    return this.#try("commit", "-qm", "all");
  }

  #commitFiles(): boolean {
    this.#git("add", "-A");
    const staged = this.#git("diff", "--cached", "--name-only").split("\n").filter((path) => path !== "" && this.#chance.is(0.5));
    this.#git("reset", "-q");
    if (staged.length === 0) return false;
    this.#git("add", "-A", "--", ...staged);
    return this.#try("commit", "-qm", "some files");
  }

  /** As with `git add -p`: of each file some of the places that differ. */
  #commitHunks(): boolean {
    this.#git("reset", "-q");
    for (const path of this.#git("diff", "--name-only", "--diff-filter=M").split("\n").filter((each) => each !== "")) {
      const { runs } = compareLines(this.#git("show", `HEAD:${path}`).split("\n"), this.#linesOf(path));
      const lines: string[] = [];
      let take = false;
      for (const [i, { sign, lines: some }] of runs.entries()) {
        // What is taken out and what is put in its place go together.
        if (sign === "-" || (sign === "+" && runs[i - 1]?.sign !== "-")) take = this.#chance.is(0.5);
        if (sign === " " || take === (sign === "+")) lines.push(...some);
      }
      const blob = execFileSync("git", ["hash-object", "-w", "--stdin"], { cwd: this.#w.root, input: this.#text(lines), encoding: "utf8" }).trim();
      this.#git("update-index", "--cacheinfo", `100644,${blob},${path}`);
    }
    return this.#try("commit", "-qm", "some hunks");
  }

  #amend(): boolean {
    this.#git("add", "-A");
    return this.#own() > 0 && this.#try("commit", "-q", "--amend", "-m", "amended");
  }

  #agentCommits(): void {
    const session = this.#chance.one(SESSIONS);
    this.#w.prompt();
    const [path] = [this.#chance.one(this.#paths())];
    const from = join(dirname(this.#w.root), "made");
    writeFileSync(from, this.#text(this.#changed(path, this.#linesOf(path), `${session} ${this.#w.turn()}`)));
    this.#w.shell(`cp ${from} ${path}; git commit -qam "by an agent" || true`, { session });
  }

  /** Commits of the branch that the main one has not. */
  #own(): number {
    return Number(this.#git("rev-list", "--count", "--no-merges", "main..HEAD"));
  }

  #squash(): boolean {
    const own = this.#own();
    if (own < 2 || this.#git("rev-list", "--merges", "main..HEAD") !== "") return false;
    this.#git("reset", "-q", "--soft", `HEAD~${2 + this.#chance.below(Math.min(3, own - 1))}`);
    return this.#try("commit", "-qm", "squashed");
  }

  /** A colleague's work, in a tree of their own, of which no checkpoints are kept. */
  #colleague(): void {
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: this.#other, env: { PATH: process.env["PATH"] ?? "", ...GIT }, encoding: "utf8", stdio: "pipe" });
    git("checkout", "-q", "--detach", "main");
    for (let i = 0; i < 2; i++) {
      const name = this.#chance.one(git("ls-files").trim().split("\n"));
      const path = join(this.#other, name);
      writeFileSync(path, this.#text(this.#changed(name, readFileSync(path, "utf8").split("\n").slice(0, -1), PERSON)));
    }
    git("add", "-A");
    try {
      git("commit", "-qm", "of a colleague");
    } catch {
      // Nothing had changed.
    }
    git("branch", "-f", "main");
  }

  #rebase(): boolean {
    this.#colleague();
    let going = this.#try("rebase", "-q", "main");
    for (let i = 0; !going && i < 30; i++) {
      if (this.#chance.is(0.3)) this.#w.keeper.look("prompt");
      this.#resolve();
      going = this.#try("-c", "core.editor=true", "rebase", "--continue") || !existsSync(join(this.#w.root, ".git/rebase-merge"));
    }
    return going || (this.#git("rebase", "--abort"), false);
  }

  /** Both sides, one after the other; of a file that one side deleted, what the other has. */
  #resolve(): void {
    for (const path of this.#git("diff", "--name-only", "--diff-filter=U").split("\n").filter((each) => each !== "")) {
      const place = join(this.#w.root, path);
      if (existsSync(place)) writeFileSync(place, readFileSync(place, "utf8").split("\n").filter((line) => !/^(?:<{7}|={7}|>{7}|\|{7})/.test(line)).join("\n"));
    }
    this.#git("add", "-A");
  }

  #merge(): boolean {
    const branch = this.#git("branch", "--show-current");
    if (this.#own() === 0) return false;
    this.#git("checkout", "-q", "main");
    const squashed = this.#chance.is(0.5);
    if (!this.#try(...(squashed ? ["merge", "-q", "--squash"] : ["merge", "-q", "--no-ff", "-m", "merged"]), branch)) this.#resolve();
    this.#try("commit", "-qm", squashed ? "squashed and merged" : "merged");
    this.#git("checkout", "-qb", `work-${(this.#branches += 1)}`);
    return true;
  }

  /** One commit of this branch onto a new one that begins at the main one. */
  #pick(): boolean {
    const branch = this.#git("branch", "--show-current");
    const own = this.#git("rev-list", "--no-merges", "main..HEAD").split("\n").filter((sha) => sha !== "");
    if (own.length === 0) return false;
    this.#git("checkout", "-qb", `picked-${(this.#branches += 1)}`, "main");
    if (!this.#try("cherry-pick", this.#chance.one(own))) {
      this.#resolve();
      if (!this.#try("cherry-pick", "--continue")) this.#try("cherry-pick", "--abort");
    }
    if (this.#chance.is(0.5)) this.#w.keeper.look("prompt");
    this.#git("checkout", "-qf", branch);
    return true;
  }

  #revert(): boolean {
    const own = this.#git("rev-list", "--no-merges", "main..HEAD").split("\n").filter((sha) => sha !== "");
    if (own.length === 0 || !this.#try("revert", "--no-edit", this.#chance.one(own))) return void this.#try("revert", "--abort"), false;
    for (const [sign, text] of this.#patch("HEAD").lines) if (sign === "-") this.#took(text, PERSON);
    const { renames } = this.#patch("HEAD");
    for (const rename of renames) this.#renamers.set(rename, (this.#renamers.get(rename) ?? new Set()).add(PERSON));
    return true;
  }

  #stash(): boolean {
    this.#person();
    if (!this.#try("stash", "-u")) return false;
    this.#w.keeper.look("prompt");
    return this.#try("stash", "pop");
  }

  // ---- the truth ----

  #patch(sha: string): { lines: [sign: "+" | "-", text: string][]; renames: string[]; paths: Set<string> } {
    const patch = this.#git("show", "--format=", "-U0", "-M", sha).split("\n");
    const renames: string[] = [];
    const paths = new Set<string>();
    for (const [i, line] of patch.entries()) {
      const [from, to] = [/^rename from (.+)/.exec(line)?.[1], /^rename to (.+)/.exec(patch[i + 1] ?? "")?.[1]];
      if (from !== undefined && to !== undefined) renames.push(`${from} ${to}`);
      const names = /^diff --git a\/(.+) b\/(.+)$/.exec(line);
      if (names !== null) paths.add(names[1]!).add(names[2]!);
    }
    const of = (sign: string): string[] => patch.filter((line) => line.startsWith(sign) && !/^(?:\+\+\+|---) /.test(line)).map((line) => line.slice(1).trim());
    const [added, removed] = [of("+"), of("-")];
    const [came, went] = [new Set(added), new Set(removed)];
    return { renames, paths, lines: [...added.filter((text) => !went.has(text)).map((text) => ["+", text] as ["+", string]), ...removed.filter((text) => !came.has(text)).map((text) => ["-", text] as ["-", string])] };
  }

  #truth(sha: string): Truth {
    const { lines, renames, paths } = this.#patch(sha);
    const [certain, possible] = [new Set<Actor>(), new Set<Actor>()];
    const take = (actors: ReadonlySet<Actor> | undefined): void => {
      if (actors?.size === 1) for (const actor of actors) certain.add(actor);
      for (const actor of actors ?? []) possible.add(actor);
    };
    for (const [sign, text] of lines) take((sign === "+" ? this.#owners : this.#removers).get(text));
    for (const rename of renames) take(this.#renamers.get(rename));
    const subject = this.#git("show", "-s", "--format=%s", sha);
    for (const path of paths) {
      for (const actor of [...(this.#formatters.get(path) ?? []), ...(this.#makers.get(path) ?? [])]) possible.add(actor);
      // What a colleague wrote and what a revert takes out is no agent's, whatever it reads like.
      const strict = subject === "of a colleague" ? "+-" : subject.startsWith("Revert ") ? "-" : "";
      for (const [sign, text] of lines) if (!strict.includes(sign)) for (const actor of this.#common.get(path)?.get(text) ?? []) possible.add(actor);
    }
    for (const set of [certain, possible]) set.delete(PERSON);
    return { sha, subject, certain, possible };
  }
}
