/**
 * The fuzzer of undo: people, agents and Tidemark at work in one tree by turns, by chance that a seed gives; after every step
 * the tree is held against a model that knows what every byte should be (model.ts). A run is a row of worlds, each with a tree
 * and a state of its own, so that one that fails can be had again alone.
 *
 * Agents act as the engine sees them: a look before a command and one after it, one path before and after an edit tool.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Checkpoint } from "../../src/checkpoint/model.ts";
import { retain } from "../../src/checkpoint/retention.ts";
import { entriesOf, standing, type TreeTurn } from "../../src/operations/history.ts";
import { Keeper } from "../../src/operations/keeper.ts";
import { undo, type Mode, type Undone, type Wanted } from "../../src/operations/undo.ts";
import type { CheckpointStore } from "../../src/store/checkpoints.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import { GIT } from "../tree-world.ts";
import { bytesIn, perform, readTree, shown, type Act, type Standing, type Tree } from "./acts.ts";
import { chanceOf, Hand, isMurky, told, type Chance } from "./chance.ts";
import type { Job } from "./child.ts";
import type { Faults } from "./faults.ts";
import { key, Model, ofCall, ofRestore, ofTurns, since, type Call, type Change, type Restore, type Way, type Wish } from "./model.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly steps: number;
  /** The bundled child.ts; without it nothing is killed. */
  readonly child?: string;
  readonly faults: Faults;
  /** Only this world. */
  readonly world?: number;
  /** Whether a part of the kills falls where the clock has it: then a run cannot be had again to the letter. */
  readonly timed: boolean;
}

export interface Report {
  readonly steps: number;
  readonly worlds: number;
  readonly counts: Map<string, number>;
  /** Where kills by the clock fell. */
  readonly kills: Map<string, number>;
}

/** Clocks of files stand still for so long, in milliseconds (Linux: 1 to 10). */
const TICK = 10;

export class Wrong extends Error {}

/** Steps of one world: long enough for undos of undos, short enough to be read. */
const LONG = 150;

export function fuzz(options: FuzzOptions): Report {
  const [counts, kills] = [new Map<string, number>(), new Map<string, number>()];
  let [steps, worlds] = [0, 0];
  for (let n = options.world ?? 0; steps < options.steps && (options.world === undefined || n === options.world); n++) {
    const length = Math.min(LONG, options.steps - steps);
    const world = new World(options, n, counts, kills);
    try {
      world.run(length);
    } catch (error) {
      const words = error instanceof Wrong ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`seed ${options.seed}, world ${n} (again: npm run fuzz -- --seed ${options.seed} --world ${n})\n${words}\n\nthe last steps:\n${world.story.slice(-40).join("\n")}`, { cause: error });
    } finally {
      options.faults.disarm();
      world.close();
    }
    steps += length;
    worlds += 1;
  }
  return { steps, worlds, counts, kills };
}

interface Mark {
  readonly seq: number;
  readonly time: number;
}

class World {
  readonly story: string[] = [];
  readonly #options: FuzzOptions;
  readonly #chance: Chance;
  readonly #hand: Hand;
  readonly #git: boolean;
  readonly #base: string;
  readonly #root: string;
  readonly #home: string;
  readonly #environment: Record<string, string>;
  readonly #stores: CheckpointStore[] = [];
  readonly #counts: Map<string, number>;
  readonly #kills: Map<string, number>;
  /** Two processes that look after the tree by turns, the engine and a command, each with its own view of it. */
  readonly #keepers: Keeper[] = [];
  #at = 0;
  #tree: Tree;
  #model: Model;
  #turns = new Map([["s1", 1], ["s2", 1]]);
  #calls = 0;
  #undos = 0;
  #marks: Mark[] = [];
  /** Calls whose checkpoints were merged with others. */
  readonly #merged = new Set<string>();
  /** Paths at which somebody wrote while they were restored: what is theirs is looked for, what stands there is not foretold. */
  readonly #raced = new Set<string>();

  constructor(options: FuzzOptions, n: number, counts: Map<string, number>, kills: Map<string, number>) {
    this.#options = options;
    this.#counts = counts;
    this.#kills = kills;
    this.#chance = chanceOf(Math.imul(options.seed, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b));
    this.#git = this.#chance.is(0.5);
    this.#hand = new Hand(this.#chance, this.#git);
    this.#base = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-fuzz-")));
    [this.#root, this.#home] = [join(this.#base, "tree"), join(this.#base, "home")];
    mkdirSync(this.#root);
    this.#environment = { PATH: process.env["PATH"] ?? "", HOME: this.#base, ...GIT };
    if (this.#git) this.#runGit("init", "-q", "-b", "main");
    if (this.#git) this.#runGit("config", "gc.auto", "0");
    this.#perform(Array.from({ length: this.#chance.below(20) }, (): Act => ({ do: "write", path: this.#hand.path(), bytes: this.#hand.bytes("user", undefined) })));
    if (this.#git && this.#chance.is(0.8)) this.#runGit("add", "-A");
    if (this.#git) this.#runGit("commit", "-qm", "begin", "--allow-empty");
    this.#tree = readTree(this.#root);
    this.#model = new Model(this.#clear(this.#tree));
    for (const at of [0, 1]) {
      this.#stores.push(options.faults.wrap(openCheckpointStore(this.#home)));
      this.#keepers.push(this.#newKeeper(at));
    }
    this.#keeper.begin();
    this.story.push(`a tree of ${this.#tree.size} files${this.#git ? " in a repository" : ""}`);
  }

  get #keeper(): Keeper {
    return this.#keepers[this.#at]!;
  }

  get #store(): CheckpointStore {
    return this.#stores[this.#at]!;
  }

  close(): void {
    for (const store of this.#stores) store.close();
    rmSync(this.#base, { recursive: true, force: true });
  }

  run(steps: number): void {
    for (let n = 0; n < steps; n++) {
      if (this.#chance.is(0.15)) this.#at = 1 - this.#at;
      this.#step();
      this.#nothingLeft();
    }
    const problems = this.#store.check();
    if (problems.length > 0) throw new Wrong(`the store does not hold: ${JSON.stringify(problems.slice(0, 3))}`);
  }

  // ---- the steps ----

  #step(): void {
    const pick = this.#chance.below(100);
    if (pick < 22) return this.#edit();
    if (pick < 34) return this.#shell();
    if (pick < 55) return this.#person();
    if (pick < 61) return this.#prompt();
    if (pick < 64) return this.#together();
    if (pick < 74) return this.#undoTurns();
    if (pick < 80) return this.#undoCall();
    if (pick < 88) return this.#redo();
    if (pick < 91) return this.#restore();
    if (pick < 93) return this.#merging();
    if (pick < 95) return this.#race();
    if (pick < 97) return this.#reopen();
    if (pick < 98) return this.#retain();
    if (pick < 99) return this.#captureKilled();
    return this.#restoreKilled();
  }

  #edit(): void {
    const call = this.#newCall();
    const { path, acts } = this.#hand.edit("agent", this.#tree);
    this.#tell("edit", `${call.session} ${call.id} in ${call.turn}: ${told(acts)}`);
    this.#begin({ ...call, path });
    this.#perform(acts);
    this.#finish({ ...call, path });
    if (this.#chance.is(0.3)) this.#look("call");
  }

  #shell(): void {
    const call = this.#newCall();
    const acts = this.#hand.acts("agent", this.#tree);
    this.#tell("shell", `${call.session} ${call.id} in ${call.turn}: ${told(acts)}`);
    this.#begin(call);
    this.#perform(acts);
    this.#finish(call);
  }

  #person(): void {
    const acts = this.#hand.acts("user", this.#tree);
    this.#tell("person", told(acts));
    this.#perform(acts);
    if (this.#chance.is(0.2)) this.#look("prompt");
  }

  #prompt(): void {
    const session = this.#session();
    this.#turns.set(session, this.#turns.get(session)! + 1);
    this.#tell("prompt", `${session} turn ${this.#turns.get(session)}`);
    this.#look("prompt");
  }

  /** Two calls at once, of two sessions or of one. */
  #together(): void {
    const [first, second] = [this.#newCall(), this.#newCall()];
    const edit = this.#chance.is(0.4) ? this.#hand.edit("agent", this.#tree) : undefined;
    const one: Call = edit === undefined ? first : { ...first, path: edit.path };
    const acts = this.#hand.acts("agent", this.#tree);
    this.#tell("together", `${one.session} ${one.id} ${edit === undefined ? "" : told(edit.acts)} beside ${second.session} ${second.id}: ${told(acts)}`);
    this.#begin(one);
    if (edit !== undefined) this.#perform(edit.acts);
    this.#begin(second);
    this.#perform(acts);
    for (const call of this.#chance.is(0.5) ? [one, second] : [second, one]) this.#finish(call);
  }

  #undoTurns(): void {
    const session = this.#chance.is(0.4) ? this.#session() : undefined;
    const turns = this.#lastTurns(1 + this.#chance.below(3), session);
    if (turns.length === 0) return;
    this.#take({ verb: "undo", turns }, ofTurns(turns.map((turn) => ({ session: turn.session, turn: turn.turn! }))));
  }

  #undoCall(): void {
    const calls = this.#model.inForce().flatMap(({ who }) => who);
    if (calls.length === 0) return;
    const { id } = this.#chance.one(calls);
    const wish = ofCall(id);
    this.#take({ verb: "undo", call: id }, { ...wish, doubtful: (change) => wish.doubtful(change) || change.who.some((each) => this.#merged.has(each.id)) });
  }

  #redo(): void {
    const last = this.#model.lastUndo();
    if (last === undefined) return;
    this.#take({ verb: "redo" }, ofRestore(last));
  }

  #restore(): void {
    if (this.#marks.length === 0) return;
    const mark = this.#chance.one(this.#marks.slice(-25));
    const checkpoint = this.#store.checkpoints(this.#root).find(({ seq }) => seq === mark.seq);
    if (checkpoint === undefined) return;
    const force = this.#chance.is(0.3);
    const session = checkpoint.actor.by === "agent" ? checkpoint.actor.session : undefined;
    this.#take({ verb: "restore", checkpoint }, since(mark.time, session, force), force ? "force" : "keep");
  }

  // ---- taking back ----

  #take(wanted: Wanted, wish: Pick<Wish, "chosen" | "doubtful">, mode: Mode = this.#chance.is(0.15) ? "force" : "keep"): void {
    const paths = this.#chance.is(0.15) ? [this.#chance.is(0.5) ? this.#hand.known(this.#tree) : this.#chance.one(["src", "lib", "x", "new"])] : [];
    const within = (path: string): boolean => paths.length === 0 || paths.some((each) => path === each || path.startsWith(`${each}/`));
    const what = `${wanted.verb}${"call" in wanted ? ` call ${wanted.call}` : "turns" in wanted ? ` turns ${wanted.turns.map(({ session, turn }) => key(session, turn ?? "")).join(", ")}` : "checkpoint" in wanted ? ` to ${wanted.checkpoint.seq}` : ""} (${mode}${paths.length === 0 ? "" : `, of ${paths.join(", ")}`})`;
    this.#tell(`${wanted.verb} ${mode}`, what);
    const untouched = this.#chance.is(0.3) ? this.#gitHashes() : undefined;
    this.#found(this.#clear(this.#tree));
    const ways = this.#model.wanted({ ...wish, force: mode === "force" }, within);
    if (this.#chance.is(0.3)) {
      this.#undo(wanted, { mode, paths, dryRun: true });
      this.#same(readTree(this.#root), this.#tree, "a dry run changed the tree");
    }
    const before = this.#tree;
    const { time } = this.#model;
    const undone = this.#undo(wanted, { mode, paths });
    // What its own look has sealed was seen by the model before.
    const sealed = this.#store.checkpoints(this.#root).find(({ id }) => id === undone.sealed);
    if (sealed !== undefined && sealed.seq > (this.#marks.at(-1)?.seq ?? 0)) this.#marks.push({ seq: sealed.seq, time });
    this.#after(before, mode === "force" ? this.#farther(ways, undone) : ways, undone, wanted.verb);
    if (untouched !== undefined && this.#gitHashes() !== untouched) throw new Wrong("git's own files were changed");
    if (undone.applied && this.#chance.is(0.25)) this.#andBack(before);
  }

  /** Every undo can be undone at once, and then all is as it was; and that again. */
  #andBack(before: Tree): void {
    const after = this.#tree;
    const last = this.#model.lastUndo();
    // What came last may have been a redo: then there is another undo before it, and this is none of it.
    if (last === undefined || last !== this.#model.restores.at(-1)) return;
    this.#tell("and back", "redo");
    const ways = this.#model.wanted({ ...ofRestore(last), force: false }, () => true);
    const undone = this.#undo({ verb: "redo" }, { mode: "keep", paths: [] });
    this.#after(after, ways, undone, "redo");
    this.#same(this.#tree, before, "a redo did not give back what was there before");
  }

  #undo(wanted: Wanted, { mode, paths, dryRun = false }: { mode: Mode; paths: readonly string[]; dryRun?: boolean }): Undone {
    this.#undos += 1;
    return undo(wanted, { mode, dryRun, paths, id: (process.pid * 1_000_000 + this.#undos).toString(16).padStart(12, "0") }, { keeper: this.#keeper, store: this.#store, home: this.#home, pid: process.pid });
  }

  /** Holds the tree against what the model says of it. */
  #after(before: Tree, ways: ReadonlyMap<string, Way>, undone: Pick<Undone, "restore" | "undoes" | "plan" | "conflicts">, verb: Restore["verb"]): void {
    const tree = readTree(this.#root);
    this.#tree = tree;
    // What a person replaces is theirs to lose.
    for (const [path, standing] of before) if (tree.get(path) !== standing && !this.#raced.has(path)) this.#mustBeKept(path, standing, `${verb} took it away`);
    const restore = undone.restore === undefined ? undefined : this.#restoreOf(undone.restore, verb, undone.undoes);
    this.#model.time += 1;
    for (const path of new Set([...before.keys(), ...tree.keys(), ...ways.keys()])) {
      if (isMurky(path) || this.#raced.has(path)) continue;
      const [was, is, way] = [before.get(path), tree.get(path), ways.get(path)];
      const should = way === undefined ? was : way.to;
      if (is !== should) {
        if (is === was && way !== undefined && this.#isInTheWay(path, before, tree, ways)) continue;
        const item = undone.plan.find((each) => each.path === path);
        throw new Wrong(`after ${verb} ${JSON.stringify(path)} is\n    ${shown(is)}\n  and should be\n    ${shown(should)}\n  it was\n    ${shown(was)}\n  plan: ${JSON.stringify(item)}\n  history by the model:\n${this.#historyOf(path)}\n  by the store:\n${this.#entriesOf(path)}`);
      }
      if (way !== undefined && is !== was) {
        if (restore === undefined) throw new Wrong(`${path} was changed by a ${verb} that was not sealed`);
        this.#model.restored(path, way, restore);
      }
    }
    for (const path of [...before.keys(), ...tree.keys()]) if (isMurky(path) || this.#raced.has(path)) this.#model.forget(path);
    if (restore !== undefined) this.#model.restores.push(restore);
    this.#mark();
  }

  /** By force all is taken back that was done to a path since the first of what was chosen, even where less would have been enough. */
  #farther(ways: ReadonlyMap<string, Way>, { undoes }: Undone): Map<string, Way> {
    const ids = new Set(undoes);
    const first = Math.min(...this.#store.checkpoints(this.#root).filter(({ id }) => ids.has(id)).map(({ seq }) => seq));
    const time = this.#marks.find(({ seq }) => seq >= first)?.time ?? this.#model.time;
    return new Map([...ways].map(([path, way]) => [path, this.#model.farthest(path, way, time)]));
  }

  #restoreOf({ id }: Checkpoint, verb: Restore["verb"], undoes: readonly string[]): Restore {
    const all = new Map(this.#store.checkpoints(this.#root).map((each) => [each.id, each]));
    const sessionsOf = (each: string): readonly string[] => {
      const actor = all.get(each)?.actor;
      if (actor === undefined) return [];
      return actor.by === "agent" ? [actor.session] : actor.by === "outside" ? ["outside"] : actor.undoes.flatMap(sessionsOf);
    };
    const sessions = new Set(undoes.flatMap(sessionsOf));
    return { id, verb, undoes, sessions };
  }

  /** A name cannot be a file and a folder: what would make it both may be left as it is. */
  #isInTheWay(path: string, before: Tree, tree: Tree, ways: ReadonlyMap<string, Way>): boolean {
    if (ways.get(path)!.to === undefined) return false;
    const inside = `${path}/`;
    const names = [...before.keys(), ...tree.keys(), ...[...ways].flatMap(([each, { to }]) => (to === undefined ? [] : [each]))];
    if (names.some((each) => each.startsWith(inside))) return true;
    for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) if (names.includes(path.slice(0, end))) return true;
    // A folder that somebody left empty stands there.
    try {
      readdirSync(join(this.#root, path));
      return true;
    } catch {
      // No folder.
      return false;
    }
  }

  // ---- what is looked for besides ----

  /** A merge is held to this: what a person wrote in a file that was merged is in it still, and a redo gives all back. */
  #merging(): void {
    const turns = this.#lastTurns(1 + this.#chance.below(2), undefined);
    if (turns.length === 0) return;
    this.#tell("undo merge", turns.map(({ session, turn }) => key(session, turn ?? "")).join(", "));
    this.#found(this.#clear(this.#tree));
    const before = this.#tree;
    const undone = this.#undo({ verb: "undo", turns }, { mode: "merge", paths: [] });
    const tree = readTree(this.#root);
    for (const [path, standing] of before) if (tree.get(path) !== standing) this.#mustBeKept(path, standing, "a merge took it away");
    for (const { path, action } of undone.plan) {
      if (action !== "merge") continue;
      const lines = (standing: Standing): string[] => (standing === undefined ? [] : bytesIn(standing).toString("latin1").split("\n")).filter((line) => /^user-\d+ \w+( \d+)?\r?$/.test(line));
      const now = new Set(lines(tree.get(path)));
      const lost = lines(before.get(path)).filter((line) => !now.has(line) && this.#isPersons(path, line));
      if (lost.length > 0) throw new Wrong(`a merge lost lines of the user's from ${path}: ${JSON.stringify(lost)}\n${this.#historyOf(path)}`);
    }
    if (!undone.applied) return this.#same(tree, before, "a merge that did nothing changed the tree");
    this.#undo({ verb: "redo" }, { mode: "keep", paths: [] });
    this.#same(readTree(this.#root), before, "the redo of a merge did not give back what was there before");
    this.#model.time += 1;
    this.#mark();
  }

  /** A line that came with a change of a person's that still holds. */
  #isPersons(path: string, line: string): boolean {
    for (let at = this.#model.top.get(path); at !== undefined; at = at.below) {
      if (at.from !== undefined || at.who.length > 0) continue;
      if (at.after?.includes(line) === true && at.before?.includes(line) !== true) return true;
    }
    return false;
  }

  /** A person writes while an undo is at work, before any one of the changes it makes. */
  #race(): void {
    const turns = this.#lastTurns(1 + this.#chance.below(2), undefined);
    if (turns.length === 0) return;
    this.#found(this.#clear(this.#tree));
    const ways = this.#model.wanted({ ...ofTurns(turns.map((turn) => ({ session: turn.session, turn: turn.turn! }))), force: false }, () => true);
    const path = ways.size > 0 && this.#chance.is(0.8) ? this.#chance.one([...ways.keys()]) : this.#hand.known(this.#tree);
    // What is a folder, or is about to be one, would go with all that is in it.
    if ([...this.#tree.keys(), ...ways.keys()].some((each) => each.startsWith(`${path}/`))) return;
    const bytes = this.#hand.bytes("user", undefined);
    // A write through a link goes elsewhere.
    const kind = this.#tree.get(path)?.startsWith("link ") === true ? 1 : this.#chance.below(3);
    const acts: Act[] = kind === 0 ? [{ do: "write", path, bytes }] : kind === 1 ? [{ do: "rm", path }, { do: "write", path, bytes }] : [{ do: "rm", path }];
    let left = 1 + this.#chance.below(40);
    this.#tell("race", `undo turns ${turns.map(({ session, turn }) => key(session, turn ?? "")).join(", ")}, and before its change ${left}: ${told(acts)}`);
    const before = this.#tree;
    let written: Standing;
    let happened = "";
    this.#options.faults.arm((name) => {
      if (--left > 0) return false;
      perform(this.#root, acts, this.#environment);
      written = readTree(this.#root).get(path);
      happened = name;
      return true;
    });
    const undone = this.#undo({ verb: "undo", turns }, { mode: "keep", paths: [] });
    this.#options.faults.disarm();
    const again = this.#raced.has(path);
    this.#raced.add(path);
    const tree = readTree(this.#root);
    if (happened === "") {
      if (!again) this.#raced.delete(path);
      return this.#after(before, ways, undone, "undo");
    }
    this.#count(`race at ${happened}`);
    if (written !== undefined) this.#mustStand(path, written, tree, `written at ${happened} while it was restored`);
    for (const each of tree.keys()) if (!before.has(each) && each.includes(".tidemark-conflict-")) this.#raced.add(each);
    this.#after(before, ways, undone, "undo");
    if (written === undefined || tree.get(path) !== written || undone.restore === undefined) return;
    // What a person wrote meanwhile is no part of the undo, so no redo takes it away.
    const last = this.#model.lastUndo();
    if (last?.id !== undone.restore.id) return;
    const now = this.#tree;
    const back = this.#model.wanted({ ...ofRestore(last), force: false }, () => true);
    const redone = this.#undo({ verb: "redo" }, { mode: "keep", paths: [] });
    this.#after(now, back, redone, "redo");
    if (this.#tree.get(path) !== written) throw new Wrong(`${path}, written at ${happened} while it was undone, is\n    ${shown(this.#tree.get(path))}\n  after the redo, and was\n    ${shown(written)}\n${this.#entriesOf(path)}`);
  }

  #reopen(): void {
    const gone = this.#chance.is(0.3);
    this.#tell("reopen", gone ? "without its manifest" : "");
    if (this.#chance.is(0.5)) this.#keeper.save();
    if (gone) {
      for (const name of readdirSync(join(this.#home, "trees"))) if (name.endsWith(".manifest")) rmSync(join(this.#home, "trees", name));
    }
    this.#keepers[this.#at] = this.#newKeeper(this.#at);
    if (!gone) return;
    // The other one's view would go on where this one's begins anew, and whose record it then is depends on who looks first.
    this.#keepers[1 - this.#at] = this.#newKeeper(1 - this.#at);
    this.#keeper.begin();
    const tree = this.#clear(this.#tree);
    this.#model.begin(tree);
    this.#found(tree);
  }

  /** What retention does: checkpoints of one turn become one, and what nobody needs goes. */
  #retain(): void {
    const all = this.#store.checkpoints(this.#root);
    const { merge } = retain(all, { bytes: 0, of: () => 0 }, { maxCheckpoints: this.#chance.below(4), maxBytes: 1, maxAge: Number.MAX_SAFE_INTEGER }, Date.now());
    this.#tell("retain", `merge ${JSON.stringify(merge)}`);
    for (const run of merge) {
      for (const { seq, actor } of all) if (run.includes(seq) && actor.by === "agent") for (const { id } of actor.calls) this.#merged.add(id);
      this.#model.merge(new Set(run.map((seq) => this.#marks.find((mark) => mark.seq >= seq)?.time ?? -1)));
    }
    this.#store.merge(merge);
    const needed = this.#keepers.flatMap((keeper) => [...keeper.needed()]);
    this.#store.collect(new Set(needed), { clock: Date.now, ms: 200 });
  }

  // ---- processes that are killed ----

  #captureKilled(): void {
    const { child, timed } = this.#options;
    if (child === undefined) return;
    this.#look("prompt");
    const call = this.#newCall();
    const acts = this.#hand.acts("agent", this.#tree);
    const ms = this.#chance.below(15);
    const killAt = timed && this.#chance.is(0.3) ? 0 : 1 + this.#chance.below(60);
    this.#tell("kill in capture", `${call.session} ${call.id} in ${call.turn}: ${told(acts)}, killed ${killAt === 0 ? `after ${ms} ms` : `before its change ${killAt}`}`);
    const pending = this.#chance.is(0.5) ? this.#hand.acts("user", this.#tree) : [];
    if (pending.length > 0) {
      this.story.push(`  before it, a person: ${told(pending)}`);
      this.#perform(pending);
    }
    // What the person did is seen by the look before the command; where it is killed in there, by the next one.
    const theirs = this.#clear(this.#tree);
    this.#runChild({ ...this.#job(killAt, ms), capture: { call, acts } });
    this.#tree = readTree(this.#root);
    this.#found(theirs);
    // The agent's other hooks come to whoever is there now.
    this.#keeper.callEnded(call.id, Date.now(), false);
    this.#model.running.push(call);
    this.#look("call");
    this.#model.running.pop();
  }

  #restoreKilled(): void {
    const { child, timed } = this.#options;
    const turns = this.#lastTurns(1 + this.#chance.below(3), undefined);
    if (child === undefined || turns.length === 0) return;
    this.#look("prompt");
    const ways = this.#model.wanted({ ...ofTurns(turns.map((turn) => ({ session: turn.session, turn: turn.turn! }))), force: false }, () => true);
    const ms = this.#chance.below(100);
    const killAt = timed && this.#chance.is(0.3) ? 0 : 1 + this.#chance.below(12 * ways.size + 40);
    this.#undos += 1;
    this.#tell("kill in restore", `undo turns ${turns.map(({ session, turn }) => key(session, turn ?? "")).join(", ")} of ${ways.size} paths, killed ${killAt === 0 ? `after ${ms} ms` : `before its change ${killAt}`}`);
    const before = this.#tree;
    this.#runChild({ ...this.#job(killAt, ms), restore: { wanted: { verb: "undo", turns }, options: { mode: "keep", dryRun: false, paths: [], id: `k${process.pid}-${this.#undos}` } } });
    this.#keeper.exclusively(() => this.#keeper.recover());
    const tree = readTree(this.#root);
    const all = this.#store.checkpoints(this.#root);
    const last = all.findLast((each) => each.actor.by === "restore");
    const actor = last?.actor;
    // It went there and back until it was killed: it is there where the last that was done is an undo.
    const isThere = last !== undefined && actor?.by === "restore" && actor.verb === "undo" && !this.#model.restores.some(({ id }) => id === last.id);
    if (!isThere) {
      this.#same(tree, before, "a restore that was killed and recovered is neither there nor back");
      this.#tree = tree;
      this.#look("prompt");
      return;
    }
    this.#after(before, ways, { restore: last, undoes: actor.undoes, plan: [], conflicts: [] }, "undo");
    this.#look("prompt");
  }

  #job(killAt: number, ms: number): Job {
    return { ...(killAt === 0 ? { killAfter: ms } : {}), home: this.#home, root: this.#root, userHome: join(this.#base, "nobody"), environment: this.#environment, killAt };
  }

  #runChild(job: Job): void {
    const file = join(this.#base, "job.json");
    writeFileSync(file, JSON.stringify(job));
    const { status, signal, stderr } = spawnSync(process.execPath, [this.#options.child!, file], { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
    const last = stderr.trim().split("\n").at(-1) ?? "";
    if (status !== null && status !== 0) throw new Wrong(`the child failed: ${stderr}`);
    const where = signal === null ? "not killed: it was done" : job.killAfter === undefined ? "at a counted change" : last === "" ? "before it began" : last;
    this.#kills.set(where, (this.#kills.get(where) ?? 0) + 1);
    this.story.push(`  killed: ${where}`);
  }

  // ---- small things ----

  #perform(acts: readonly Act[]): void {
    perform(this.#root, acts, this.#environment);
    this.#tree = readTree(this.#root);
  }

  #begin(call: Call): void {
    const { path } = call;
    if (path === undefined) this.#look("forced");
    // As operations/attend.ts does it.
    else {
      this.#keeper.briefly(() => this.#keeper.lookAt(path, "prompt", { own: true }));
      this.#found(this.#clear(this.#tree), path);
      this.#mark();
    }
    this.#keeper.callBegan({ ...call, tool: path === undefined ? "Bash" : "Write", agent: "fuzzer", started: Date.now() });
    this.#model.running.push(call);
    // A hook that returns and a tool that starts take longer; a file made within a tick of the look would seem older than it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TICK);
  }

  #finish(call: Call): void {
    this.#keeper.callEnded(call.id, Date.now(), false);
    if (call.path === undefined) this.#look("call");
    else {
      this.#keeper.lookAt(call.path, "call", { call: call.id });
      this.#found(this.#clear(this.#tree), call.path);
      this.#mark();
    }
    const at = this.#model.running.findIndex(({ id }) => id === call.id);
    this.#model.running.splice(at, 1);
  }

  #look(kind: "prompt" | "call" | "forced"): void {
    const untouched = this.#git && this.#chance.is(0.1) ? this.#gitHashes() : undefined;
    this.#keeper.look(kind);
    if (untouched !== undefined && this.#gitHashes() !== untouched) throw new Wrong("a look changed git's own files");
    this.#found(this.#clear(this.#tree));
    this.#mark();
  }

  /** The model looks as well; what somebody's change replaced must be in the store. */
  #found(tree: Tree, only?: string): void {
    if (only !== undefined && (isMurky(only) || this.#raced.has(only))) return;
    this.#model.look(tree, only);
  }

  #mark(): void {
    for (const [path, change] of this.#model.top) if (change.time === this.#model.time && change.who.length > 0 && change.before !== undefined) this.#mustBeKept(path, change.before, "an agent replaced it");
    this.#marks.push({ seq: this.#store.newest(this.#root), time: this.#model.time });
  }

  /** Without what is not foretold. */
  #clear(tree: Tree): Map<string, string> {
    return new Map([...tree].filter(([path]) => !isMurky(path) && !this.#raced.has(path)));
  }

  #mustBeKept(path: string, standing: string, why: string): void {
    const bytes = bytesIn(standing);
    const id = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const named = this.#store.changesAfter(this.#root, 0, path).some(({ before, after }) => [before, after].some((state) => typeof state === "object" && state.content === id));
    const content = this.#store.content(id);
    if (named && content !== undefined && Buffer.from(content).equals(bytes)) return;
    throw new Wrong(`lost: ${JSON.stringify(path)} held ${shown(standing)}; ${why}, and ${content === undefined ? "the store has no such bytes" : named ? "the store has other bytes" : "no checkpoint of it names them"}\n${this.#historyOf(path)}\n  by the store:\n${this.#entriesOf(path)}`);
  }

  /** What somebody wrote into the middle of a restore: there, beside it, in the store, or with what was moved aside. */
  #mustStand(path: string, standing: string, tree: Tree, why: string): void {
    if (tree.get(path) === standing) return;
    const bytes = bytesIn(standing);
    if ([...tree].some(([each, other]) => each.includes(".tidemark-conflict-") && bytesIn(other).equals(bytes))) return;
    this.#mustBeKept(path, standing, why);
  }

  #same(is: Tree, should: Tree, words: string): void {
    for (const path of new Set([...is.keys(), ...should.keys()])) {
      if (is.get(path) === should.get(path) || (this.#raced.has(path))) continue;
      throw new Wrong(`${words}: ${JSON.stringify(path)} is\n    ${shown(is.get(path))}\n  and was\n    ${shown(should.get(path))}\n${this.#historyOf(path)}\n  by the store:\n${this.#entriesOf(path)}`);
    }
  }

  #nothingLeft(): void {
    for (const path of this.#tree.keys()) if (path.slice(path.lastIndexOf("/") + 1).startsWith(".tidemark-")) throw new Wrong(`left behind: ${path}`);
  }

  #gitHashes(): string {
    const hash = createHash("sha256");
    const visit = (folder: string): void => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) visit(path);
        else hash.update(path).update("\0").update(readFileSync(path)).update("\0");
      }
    };
    if (this.#git) visit(join(this.#root, ".git"));
    return hash.digest("hex");
  }

  #lastTurns(n: number, session: string | undefined): TreeTurn[] {
    const groups = new Map<string, Checkpoint[]>();
    const all = this.#store.checkpoints(this.#root);
    const inForce = standing(entriesOf(this.#store, this.#root, all));
    for (const each of all) {
      if (each.actor.by !== "agent" || (session !== undefined && each.actor.session !== session)) continue;
      const group = key(each.actor.session, each.actor.turn ?? "");
      groups.set(group, [...(groups.get(group) ?? []), each]);
    }
    return [...groups.values()].filter((own) => own.some(({ id }) => inForce.has(id))).sort((a, b) => a.at(-1)!.seq - b.at(-1)!.seq).slice(-n).map((checkpoints) => {
      const { actor } = checkpoints[0]!;
      if (actor.by !== "agent") throw new Error("only agents have turns");
      return { session: actor.session, agent: actor.agent, turn: actor.turn!, checkpoints, undone: false };
    });
  }

  #newCall(): Call {
    const session = this.#session();
    return { id: `c${++this.#calls}`, session, turn: `t${this.#turns.get(session)}` };
  }

  #session(): string {
    return this.#chance.is(0.7) ? "s1" : "s2";
  }

  #newKeeper(at: number): Keeper {
    return new Keeper({ store: this.#stores[at]!, home: this.#home, root: this.#root, environment: this.#environment, userHome: join(this.#base, "nobody"), clock: Date.now, pid: process.pid, isAlive });
  }

  #runGit(...args: string[]): void {
    perform(this.#root, [{ do: "git", args }], this.#environment);
  }

  #tell(kind: string, words: string): void {
    this.#count(kind);
    this.story.push(`${this.story.length} [${"AB"[this.#at]}] ${kind}: ${words}`);
  }

  #count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  #historyOf(path: string): string {
    const lines: string[] = [];
    const line = ({ time, who, restore, before, after }: Change): string => `    ${time} ${restore === undefined ? who.map(({ session, turn, id }) => `${session} ${turn} ${id}`).join(" or ") || "person" : `${restore.verb} ${restore.id}`}: ${shown(before)} → ${shown(after)}`;
    const tell = (at: Change | undefined, indent: string): void => {
      for (let each = at; each !== undefined; each = each.below) {
        lines.push(indent + line(each));
        if (each.from !== undefined) tell(each.from, `${indent}  | `);
        if (lines.length > 40) return;
      }
    };
    tell(this.#model.top.get(path), "");
    return lines.join("\n");
  }

  #entriesOf(path: string): string {
    const all = new Map(this.#store.checkpoints(this.#root).map((each) => [each.seq, each]));
    const state = (each: unknown): string => (typeof each === "object" ? `${(each as { type: string }).type} ${(each as { mode: number }).mode.toString(8)} ${(each as { size: number }).size} ${(each as { content: string }).content.slice(0, 15)}` : String(each));
    return this.#store.changesAfter(this.#root, 0, path).slice(-15).map(({ seq, before, after }) => `    ${seq} ${all.get(seq)?.id} ${all.get(seq)?.kind} ${JSON.stringify(all.get(seq)?.actor)}: ${state(before)} → ${state(after)}`).join("\n");
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
}
