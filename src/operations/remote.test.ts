/** Copies of checkpoints elsewhere: whole, in any slices, by any number at once, mended where damaged, and where none may be. */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inflateSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import { Trees } from "../engine/trees.ts";
import { openInProcessRemote, type RemotePlace } from "../store/in-process/remote.ts";
import type { Remote } from "../store/remote.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { gitBlob } from "../worktree/capture.ts";
import { syncCheckpoints } from "./keeper.ts";
import { BackgroundCopy, checkRemote, copyOut, endRemote, nameRemote, openRemote, pack, unpack } from "./remote.ts";
import { readPaused, readRemote, settingsFile, writePaused } from "./settings.ts";

const environment = {};
const nothing = (): void => undefined;
const options = { clock: () => 0, ms: 1, environment };

function world(more?: { git?: boolean }): TreeWorld {
  return treeWorld(onTestFinished, more);
}

/** Three edits and a binary, on the disk. */
function worked(): TreeWorld {
  const at = world();
  at.write("there.txt", "as it was\n");
  at.keeper.begin();
  at.edit("there.txt", "changed\n");
  at.edit("new/file.txt", "x".repeat(5000));
  at.edit("odd.bin", Buffer.from([0, 255, 1, 2, 3]));
  at.edit("there.txt", undefined);
  syncCheckpoints(at.store);
  return at;
}

const tiers = ({ store, root }: TreeWorld): number[] => store.checkpoints(root).map(({ tier }) => tier);
const sheets = (place: RemotePlace): { name: string; sheet: any }[] => [...place].filter(([name]) => name.startsWith("trees/")).sort().map(([name, bytes]) => ({ name, sheet: JSON.parse(Buffer.from(bytes).toString()) }));

describe("copying", () => {
  test("puts each content once and a sheet for each checkpoint, and the checkpoints say so", async () => {
    const at = worked();
    const place: RemotePlace = new Map();
    expect(await copyOut(at.store, openInProcessRemote(place), options)).toEqual({ copied: 5, left: 0, missing: 0 });
    expect(tiers(at)).toEqual([3, 3, 3, 3, 3]);
    const all = at.store.checkpoints(at.root);
    expect(sheets(place).map(({ sheet }) => sheet.checkpoint.id)).toEqual(all.map(({ id }) => id));
    expect(sheets(place)[1]!.sheet).toMatchObject({ format: 1, tree: at.root, checkpoint: { kind: "call", actor: { by: "agent", session: "s1" } }, changes: [{ path: "there.txt", before: { size: 10 }, after: { size: 8 } }], missing: [] });
    expect([...place.keys()].filter((name) => name.startsWith("objects/"))).toHaveLength(4);
    expect(await checkRemote(at.store, openInProcessRemote(place), nothing)).toEqual({ checkpoints: 5, contents: 4, bytes: 10 + 8 + 5000 + 5, missing: 0, problems: [] });
  });

  test("is nothing to do the second time, and goes on with what came since", async () => {
    const at = worked();
    const place: RemotePlace = new Map();
    const remote = openInProcessRemote(place);
    await copyOut(at.store, remote, options);
    const before = new Map(place);
    expect(await copyOut(at.store, remote, options)).toEqual({ copied: 0, left: 0, missing: 0 });
    expect(place).toEqual(before);
    at.edit("new/file.txt", "again\n");
    // Not before it is on the disk here.
    expect(await copyOut(at.store, remote, options)).toEqual({ copied: 0, left: 0, missing: 0 });
    syncCheckpoints(at.store);
    expect(await copyOut(at.store, remote, options)).toEqual({ copied: 1, left: 0, missing: 0 });
    expect(place.size).toBe(before.size + 2);
  });

  test("comes to its end in the smallest slices, stopped or failing anywhere", async () => {
    const at = worked();
    const place: RemotePlace = new Map();
    const inner = openInProcessRemote(place);
    let [time, puts, slices] = [0, 0, 0];
    const remote: Remote = { ...inner, put: async (name, bytes) => {
      puts += 1;
      if (puts % 3 === 0) throw new Error("the share is gone");
      await inner.put(name, bytes);
    } };
    for (let left = 1; left > 0; slices++) {
      if (slices > 100) throw new Error("it does not end");
      try {
        ({ left } = await copyOut(at.store, remote, { ...options, clock: () => (time += 10), ms: 1 }));
      } catch (error) {
        expect((error as Error).message).toBe("the share is gone");
      }
      // A sheet is never there before what it names.
      expect((await checkRemote(at.store, inner, nothing)).problems).toEqual([]);
    }
    expect(slices).toBeGreaterThan(5);
    expect([tiers(at), (await checkRemote(at.store, inner, nothing)).checkpoints]).toEqual([[3, 3, 3, 3, 3], 5]);
  });

  test("by two at once does no harm", async () => {
    const at = worked();
    const remote = openInProcessRemote();
    await Promise.all([copyOut(at.store, remote, { ...options, ms: Infinity }), copyOut(at.store, remote, { ...options, ms: Infinity })]);
    expect(tiers(at)).toEqual([3, 3, 3, 3, 3]);
    expect(await checkRemote(at.store, remote, nothing)).toMatchObject({ checkpoints: 5, contents: 4, problems: [] });
  });

  test("takes what only the user's repository holds from there", async () => {
    const at = world();
    at.write("tracked.txt", "in git\n");
    at.git("add", ".");
    at.git("commit", "-q", "-m", "1");
    at.keeper.begin();
    const content = gitBlob(Buffer.from("in git\n"), 20);
    at.store.seal({ tree: at.root, time: 1, kind: "call", actor: { by: "outside" }, coverage: { skipped: [] }, changes: [{ path: "tracked.txt", before: "absent", after: { type: "file", mode: 0o644, size: 7, content } }] });
    syncCheckpoints(at.store);
    const place: RemotePlace = new Map();
    expect(await copyOut(at.store, openInProcessRemote(place), { ...options, ms: Infinity, environment: { PATH: process.env["PATH"] } })).toMatchObject({ left: 0, missing: 0 });
    const blob = [...place.keys()].find((name) => name.startsWith("blobs/"))!;
    expect(Buffer.from((await unpack(place.get(blob)!))!).toString()).toBe("in git\n");
    expect((await checkRemote(at.store, openInProcessRemote(place), nothing)).problems).toEqual([]);
  });

  test("goes on past contents that are gone, and says which", async () => {
    const at = worked();
    at.edit("large.bin", Buffer.alloc(2 << 20, "L"));
    syncCheckpoints(at.store);
    rmSync(join(at.home, "files"), { recursive: true });
    const place: RemotePlace = new Map();
    expect(await copyOut(at.store, openInProcessRemote(place), options)).toEqual({ copied: 6, left: 0, missing: 1 });
    expect(sheets(place).at(-1)!.sheet.missing).toEqual([{ content: expect.stringMatching(/^sha256:/), reason: "its bytes are no longer kept" }]);
    expect(await checkRemote(at.store, openInProcessRemote(place), nothing)).toMatchObject({ missing: 1, problems: [] });
  });

  test("does not touch the store once it was stopped", async () => {
    const at = worked();
    const inner = openInProcessRemote();
    let stopped = false;
    const store = new Proxy(at.store, { get: (target, key) => {
      if (stopped) throw new Error("the store is closed");
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    } });
    for (let after = 0; after < 12; after++) {
      let asked = 0;
      stopped = false;
      const slow = <T>(body: Promise<T>): Promise<T> => ((stopped ||= ++asked > after), body);
      const remote: Remote = { ...inner, has: (name) => slow(inner.has(name)), put: (name, bytes) => slow(inner.put(name, bytes)) };
      await copyOut(store, remote, { ...options, ms: Infinity, stopped: () => stopped });
    }
    expect((await checkRemote(at.store, inner, nothing)).problems).toEqual([]);
  });
});

describe("what is written", () => {
  test.each([["text", "some text, some text, some text, some text"], ["nothing", ""], ["what does not shrink", "a"]])("of %s can be read without anything of ours", async (_, text) => {
    const object = await pack(Buffer.from(text));
    const end = object.indexOf("\n");
    const [, how, size] = object.subarray(0, end).toString().split(" ");
    const body = object.subarray(end + 1);
    expect((how === "deflate" ? inflateSync(body) : body).toString()).toBe(text);
    expect(Number(size)).toBe(text.length);
    expect(Buffer.from((await unpack(object))!).toString()).toBe(text);
  });

  test.each(["", "tidemark", "tidemark raw 3\nab", "tidemark raw 1\nab", "tidemark deflate 3\nabc", "tidemark gzip 0\n"])("%j is no object", async (text) => {
    expect(await unpack(Buffer.from(text))).toBeUndefined();
  });

  test("more than an object says it holds is not unpacked", async () => {
    const object = await pack(Buffer.alloc(10_000_000));
    expect(await unpack(Buffer.concat([Buffer.from("tidemark deflate 10\n"), object.subarray(object.indexOf("\n") + 1)]))).toBeUndefined();
  });
});

describe("checking", () => {
  async function copied(): Promise<{ at: TreeWorld; place: RemotePlace; remote: Remote }> {
    const at = worked();
    const place: RemotePlace = new Map();
    await copyOut(at.store, openInProcessRemote(place), options);
    return { at, place, remote: openInProcessRemote(place) };
  }

  test("finds each kind of damage, and naming the folder again mends it", async () => {
    const { at, place, remote } = await copied();
    const [gone, changed, torn] = [...place.keys()].filter((name) => name.startsWith("objects/")).sort() as [string, string, string];
    const [lost, garbled, otherwise] = sheets(place).map(({ name }) => name).slice(1) as [string, string, string];
    place.delete(gone);
    place.set(changed, await pack(Buffer.from("another text")));
    place.set(torn, place.get(torn)!.subarray(0, -1));
    place.delete(lost);
    place.set(garbled, Buffer.from("{"));
    const sheet = JSON.parse(Buffer.from(place.get(otherwise)!).toString());
    sheet.changes[0].path = "elsewhere";
    place.set(otherwise, Buffer.from(JSON.stringify(sheet)));
    const { problems } = await checkRemote(at.store, remote, nothing);
    // What only a lost sheet named is not asked for.
    expect(problems.map(({ code, where }) => [code, where])).toEqual(expect.arrayContaining([["CHECKPOINT_MISSING", lost], ["CHECKPOINT_CHANGED", garbled], ["CHECKPOINT_CHANGED", otherwise]]));
    at.store.dropTier(3);
    await copyOut(at.store, remote, { ...options, ms: Infinity, read: true });
    expect((await checkRemote(at.store, remote, nothing)).problems).toEqual([]);
    expect(Buffer.from((await unpack(place.get(changed)!))!).toString()).not.toBe("another text");
  });

  test.each(["missing", "changed"] as const)("names an object that is %s", async (what) => {
    const { at, place, remote } = await copied();
    const name = [...place.keys()].find((each) => each.startsWith("objects/"))!;
    if (what === "missing") place.delete(name);
    else place.set(name, await pack(Buffer.from("another text")));
    expect((await checkRemote(at.store, remote, nothing)).problems).toEqual([{ code: what === "missing" ? "OBJECT_MISSING" : "OBJECT_CHANGED", where: name, message: expect.any(String) }]);
  });

  test("takes what was merged, dropped or forgotten here since for what it is", async () => {
    const { at, remote } = await copied();
    at.store.forgetPath(at.root, "odd.bin");
    const all = at.store.checkpoints(at.root);
    at.store.merge([[all[1]!.seq, all[2]!.seq]]);
    at.store.drop([all[0]!.seq]);
    expect(await checkRemote(at.store, remote, nothing)).toMatchObject({ checkpoints: 5, contents: 4, problems: [] });
  });
});

describe("the folder", () => {
  const name = (at: TreeWorld, folder: string, fresh = "id-1"): Promise<string> => nameRemote(folder, fresh, { store: at.store, home: at.home, unique: "t" });

  test("is made for its owner alone, marked, and remembered beside other settings", async () => {
    const at = worked();
    writePaused(at.home, { projects: ["/p"], sessions: [] }, "t");
    const folder = join(scratch(), "copies");
    expect(await name(at, folder)).toBe(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readRemote(at.home)).toEqual({ folder, id: "id-1" });
    expect(readPaused(at.home).projects).toEqual(["/p"]);
    expect(JSON.parse(readFileSync(join(folder, "tidemark.json"), "utf8"))).toMatchObject({ format: 1, store: "id-1" });
    const { remote } = (await openRemote(at.home))!;
    await copyOut(at.store, remote, { ...options, ms: Infinity });
    expect((await checkRemote(at.store, remote, nothing)).problems).toEqual([]);
  });

  test("is refused where it would be looked after, in the state folder, or among other things", async () => {
    const at = worked();
    const elsewhere = scratch();
    mkdirSync(join(elsewhere, "repo/.git"), { recursive: true });
    writeFileSync(join(elsewhere, "notes.txt"), "");
    symlinkSync(at.root, join(elsewhere, "link"));
    const wrong: [string, RegExp][] = [
      [at.root, /it is in .*looked after/], [join(at.root, "copies"), /looked after/], [join(elsewhere, "link/copies"), /looked after/],
      [at.home, /state folder/], [join(at.home, "copies"), /state folder/], [dirname(at.home), /state folder is in it/],
      [join(elsewhere, "repo/copies"), /it is in/], [elsewhere, /holds something else/], [join(elsewhere, "notes.txt"), /not a folder/],
    ];
    for (const [folder, words] of wrong) await expect(name(at, folder), folder).rejects.toMatchObject({ code: "REMOTE_REFUSED", kind: "user", message: expect.stringMatching(words) });
    await expect(name(at, join(elsewhere, "not mounted/copies"))).rejects.toMatchObject({ code: "REMOTE_GONE" });
    expect(readRemote(at.home)).toBeUndefined();
    expect(readdirSync(elsewhere).sort()).toEqual(["link", "notes.txt", "repo"]);
  });

  test("of another state folder is refused; of this one it is taken up again", async () => {
    const [at, other] = [worked(), worked()];
    const folder = join(scratch(), "copies");
    await name(at, folder);
    await expect(name(other, folder, "id-2")).rejects.toMatchObject({ code: "REMOTE_REFUSED", message: expect.stringContaining("another machine") });
    const { remote } = (await openRemote(at.home))!;
    await copyOut(at.store, remote, { ...options, ms: Infinity });
    expect(endRemote({ store: at.store, home: at.home, unique: "t" })).toBe(folder);
    expect([await openRemote(at.home), tiers(at), endRemote({ store: at.store, home: at.home, unique: "t" })]).toEqual([undefined, [2, 2, 2, 2, 2], undefined]);
    expect(existsSync(join(folder, "objects"))).toBe(true);
    await name(at, folder, "id-3");
    expect(readRemote(at.home)).toEqual({ folder, id: "id-1" });
  });

  test("that is an empty mount point by now is an error, and nothing is written into it", async () => {
    const at = worked();
    const folder = join(scratch(), "mount");
    await name(at, folder);
    renameSync(folder, `${folder}.away`);
    await expect(openRemote(at.home)).rejects.toMatchObject({ code: "REMOTE_GONE" });
    mkdirSync(folder);
    await expect(openRemote(at.home)).rejects.toMatchObject({ code: "REMOTE_GONE", message: expect.stringContaining("tidemark.json") });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that settings do not name as they should is said", async () => {
    const at = worked();
    appendFileSync(settingsFile(at.home), '{"remote": "/mnt"}');
    await expect(openRemote(at.home)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE", kind: "config" });
  });
});

describe("in the background", () => {
  const until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !condition(); i++) await new Promise((done) => setTimeout(done, 5));
    expect(condition()).toBe(true);
  };

  test("it copies what was sealed, begins no slice that is not due, and waits after a failure", async () => {
    const at = worked();
    let time = 0;
    const folder = join(scratch(), "copies");
    const background = new BackgroundCopy({ home: at.home, clock: () => time, environment });
    // None is named.
    await background.slice(at.store);
    background.round(at.store);
    expect(tiers(at)).toEqual([2, 2, 2, 2, 2]);
    await nameRemote(folder, "id", { store: at.store, home: at.home, unique: "t" });
    background.wake();
    background.round(at.store);
    await until(() => tiers(at).every((tier) => tier === 3));
    at.edit("more.txt", "1");
    syncCheckpoints(at.store);
    background.wake();
    background.round(at.store);
    await new Promise((done) => setTimeout(done, 50));
    expect(tiers(at).at(-1)).toBe(2);
    time += 5_000;
    background.round(at.store);
    await until(() => tiers(at).at(-1) === 3);

    at.edit("more.txt", "2");
    syncCheckpoints(at.store);
    renameSync(folder, `${folder}.away`);
    time += 5_000;
    background.wake();
    await background.slice(at.store);
    renameSync(`${folder}.away`, folder);
    time += 5_000;
    background.round(at.store);
    await new Promise((done) => setTimeout(done, 50));
    expect(tiers(at).at(-1)).toBe(2);
    time += 60_000;
    background.round(at.store);
    await until(() => tiers(at).at(-1) === 3);
    background.stop();
  });

  test("the engine does it while it rests, and lets go of it when it ends", async () => {
    const at = world();
    const folder = join(scratch(), "copies");
    await nameRemote(folder, "id", { store: at.store, home: at.home, unique: "t" });
    const trees = new Trees({ open: () => openCheckpointStore(at.home), home: at.home, userHome: "/nobody", environment: {}, clock: Date.now, pid: process.pid, isAlive: () => true });
    at.write("file.txt", "1\n");
    for (const kind of ["prompt", "stop"] as const) await trees.take({ kind, agent: "claude-code", session: "s1", cwd: at.root }, Date.now());
    trees.rest();
    await until(() => tiers(at).length > 0 && tiers(at).every((tier) => tier === 3));
    at.write("file.txt", "2\n");
    await trees.take({ kind: "stop", agent: "claude-code", session: "s1", cwd: at.root }, Date.now());
    trees.rest();
    trees.close();
    await new Promise((done) => setTimeout(done, 50));
    expect((await checkRemote(at.store, (await openRemote(at.home))!.remote, nothing)).problems).toEqual([]);
  });

  test("it stops at once where another folder, or none, was named meanwhile", async () => {
    const at = worked();
    const folder = join(scratch(), "copies");
    await nameRemote(folder, "id", { store: at.store, home: at.home, unique: "t" });
    const background = new BackgroundCopy({ home: at.home, clock: () => 0, environment });
    const slice = background.slice(at.store);
    endRemote({ store: at.store, home: at.home, unique: "t" });
    await slice;
    expect(tiers(at)).toEqual([2, 2, 2, 2, 2]);
    expect(existsSync(join(folder, "trees"))).toBe(false);
  });
});

test.skipIf(process.getuid?.() === 0)("a folder that may not be written is said", async () => {
  const at = worked();
  const above = scratch();
  chmodSync(above, 0o500);
  await expect(nameRemote(join(above, "copies"), "id", { store: at.store, home: at.home, unique: "t" })).rejects.toMatchObject({ code: "REMOTE_UNWRITABLE" });
  chmodSync(above, 0o700);
});
