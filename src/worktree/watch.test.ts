/** A touch in a watched folder is told, also where folders come, go and are made anew; and where nothing can be sure, it is said. */
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { onDisk, pathOf } from "./names.ts";
import { Watcher } from "./watch.ts";

function watched(...folders: string[]): { root: string; watcher: Watcher; follow: (...folders: string[]) => void; touches: () => Promise<number> } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-watch-")));
  let count = 0;
  const watcher = new Watcher(() => void (count += 1));
  onTestFinished(() => {
    watcher.close();
    rmSync(root, { recursive: true, force: true });
  });
  const follow = (...paths: string[]): void => watcher.follow(new Set(["", ...paths].map((path) => (path === "" ? root : `${root}/${path}`))));
  for (const folder of folders) mkdirSync(onDisk(root, folder), { recursive: true });
  follow(...folders);
  // How often since it was last asked.
  const touches = async (): Promise<number> => {
    await sleep(60);
    const seen = count;
    count = 0;
    return seen;
  };
  return { root, watcher, follow, touches };
}

test("what happens in a folder is told, and nothing where nothing does", async () => {
  const { root, watcher, touches } = watched("a", "a/b");
  // What came before the watches did, no one saw.
  expect(await touches()).toBeGreaterThan(0);
  expect([watcher.sure, await touches()]).toEqual([true, 0]);
  for (const act of [() => writeFileSync(join(root, "a/b/new"), "x"), () => appendFileSync(join(root, "a/b/new"), "y"), () => renameSync(join(root, "a/b/new"), join(root, "a/moved")), () => rmSync(join(root, "a/moved"))]) {
    act();
    expect(await touches()).toBeGreaterThan(0);
  }
  expect(await touches()).toBe(0);
});

test("the same folders again are nothing to do; new ones are a reason to look, since they were not watched before", async () => {
  const { root, watcher, follow, touches } = watched("a");
  await touches();
  const same = new Set([root, join(root, "a")]);
  watcher.follow(same);
  watcher.follow(same);
  expect(await touches()).toBe(0);
  mkdirSync(join(root, "a/new"));
  await touches();
  follow("a", "a/new");
  expect(await touches()).toBeGreaterThan(0);
});

test.each([["taken away and made anew", (at: string) => (rmSync(at, { recursive: true }), mkdirSync(at))], ["moved away, and another put in its place", (at: string) => (renameSync(at, `${at}.old`), mkdirSync(at))]])("a folder that is %s is watched anew", async (_, act) => {
  const { root, follow, touches } = watched("a", "a/b");
  await touches();
  act(join(root, "a/b"));
  expect(await touches()).toBeGreaterThan(0);
  follow("a", "a/b");
  expect(await touches()).toBeGreaterThan(0);
  writeFileSync(join(root, "a/b/file"), "x");
  expect(await touches()).toBeGreaterThan(0);
});

test("a file with its folder's name does no harm", async () => {
  const { root, follow, touches } = watched("src", "src/src");
  await touches();
  for (let i = 0; i < 3; i++) {
    writeFileSync(join(root, "src/src/src"), "x");
    expect(await touches()).toBeGreaterThan(0);
    rmSync(join(root, "src/src/src"));
    follow("src", "src/src");
    await touches();
  }
});

test("a folder whose name is no UTF-8 is watched like the others", async () => {
  const folder = pathOf(Buffer.from([0x64, 0xff]));
  const { root, touches } = watched(folder);
  await touches();
  writeFileSync(onDisk(root, `${folder}/file`), "x");
  expect(await touches()).toBeGreaterThan(0);
});

test("what is gone before it could be watched is left out; too many are refused, and then nothing is sure", async () => {
  const { root, watcher, touches } = watched("a");
  await touches();
  watcher.follow(new Set([root, join(root, "not-there")]));
  expect(watcher.sure).toBe(true);
  watcher.follow(new Set(Array.from({ length: 25_001 }, (_, i) => join(root, String(i)))));
  expect(watcher.sure).toBe(false);
  expect(await touches()).toBeGreaterThan(0);
  watcher.follow(new Set([root]));
  expect(watcher.sure).toBe(false);
});

test("on a file system that others can write to from elsewhere nothing is sure, also where it is mounted further down", () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-watch-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "share"));
  const on = (types: Record<string, number>): boolean => {
    const watcher = new Watcher(() => undefined, (folder) => types[String(folder).slice(root.length)] ?? 0xef53);
    watcher.follow(new Set([root, join(root, "share")]));
    onTestFinished(() => watcher.close());
    return watcher.sure;
  };
  expect([on({}), on({ "": 0x6969 }), on({ "/share": 0xff534d42 }), on({ "/share": 0xff534d42 | 0 })]).toEqual([true, false, false, false]);
});
