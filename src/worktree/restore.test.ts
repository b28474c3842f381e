/**
 * Each outcome of a restore on real folders, with somebody else at work between its steps, and a crash at every moment.
 * Real processes killed, a full disk and folders that may not be written are in test/damage/restore.test.ts.
 */
import { chmodSync, closeSync, existsSync, ftruncateSync, linkSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Version } from "../checkpoint/model.ts";
import { sha256Hex } from "../base/hash.ts";
import { createHash } from "node:crypto";
import { below, enter, HOLDS } from "./folder.ts";
import { onDisk, pathOf } from "./names.ts";
import { look } from "./present.ts";
import { applyRestore, recoverRestores, sweepAsides, type Moment, type RestoreDeps, type RestoreStep, type StepOutcome } from "./restore.ts";

const OLD = "old bytes\n";
const NEW = "new bytes, more of them\n";

function bench() {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-restore-")));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const [root, holding] = [join(base, "tree"), join(base, "holding")];
  mkdirSync(root);
  const contents = new Map<string, Buffer>();
  const version = (bytes: string | Buffer, mode = 0o644, type: "file" | "link" = "file"): Version => {
    const buffer = Buffer.from(bytes);
    const content = `sha256:${sha256Hex(buffer)}`;
    contents.set(content, buffer);
    return { type, mode: type === "link" ? 0 : mode, size: buffer.length, content };
  };
  const read = (id: string): Buffer => {
    const bytes = contents.get(id);
    if (bytes === undefined) throw new Error(`no such content ${id.slice(0, 14)}`);
    return bytes;
  };
  const at = (path: string): string | Buffer => onDisk(root, path);
  let n = 0;
  const self = {
    base, root, holding, contents, version, read, at,
    link: (target: string | Buffer) => version(target, 0, "link"),
    /** Writes a file that is old enough for its times to be trusted, unless it is said to be young. */
    put(path: string, bytes: string | Buffer, mode = 0o644, young = false): Version {
      if (path.includes("/")) mkdirSync(at(path.slice(0, path.lastIndexOf("/"))), { recursive: true });
      writeFileSync(at(path), bytes);
      chmodSync(at(path), mode);
      if (!young) utimesSync(at(path), 1_600_000_000, 1_600_000_000);
      return version(bytes, mode);
    },
    text: (path: string): string => readFileSync(at(path), "utf8"),
    restore: (steps: readonly RestoreStep[], more: Partial<RestoreDeps> = {}): StepOutcome[] =>
      applyRestore(steps, { root, holding, id: `r${n++}`, read, mayRemoveDirectory: () => false, ...more }),
    recover: (more: { fault?: (moment: Moment, path: string) => void } = {}) => recoverRestores(holding, { read, alive: () => false, ...more }),
    /** Everything in the tree, by path. */
    all: (folder = ""): string[] =>
      readdirSync(at(folder), { encoding: "buffer" }).flatMap((name): string[] => {
        const path = below(folder, pathOf(name));
        return lstatSync(at(path)).isDirectory() ? [path, ...self.all(path)] : [path];
      }).sort(),
    asides: (): string[] =>
      existsSync(holding) ? readdirSync(holding).filter((name) => name.endsWith(".asides")).flatMap((name) => readdirSync(join(holding, name)).filter((each) => each !== "index.json").map((each) => readFileSync(join(holding, name, each), "utf8"))) : [],
    journals: (): string[] => (existsSync(holding) ? readdirSync(holding).filter((name) => name.includes(".json")) : []),
  };
  return self;
}

/** Does something once, at a moment of one path. */
function once(moment: Moment, path: string, body: () => void): (at: Moment, of: string) => void {
  let done = false;
  return (at, of) => {
    if (done || at !== moment || of !== path) return;
    done = true;
    body();
  };
}

const failing = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

describe("what is done", () => {
  test("a file is written, made, deleted; a mode, a link, a name and bytes of any kind come back exactly", () => {
    const b = bench();
    const odd = pathOf(Buffer.from("caf\xe9/n\xffme", "latin1"));
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256));
    const steps: RestoreStep[] = [
      { path: "gone.txt", expected: b.put("gone.txt", OLD), target: "absent" },
      { path: "a.txt", expected: b.put("a.txt", OLD), target: b.version("one\r\ntwo\nthree\r\n") },
      { path: "deep/er/made.bin", expected: "absent", target: b.version(bytes, 0o755) },
      { path: odd, expected: b.put(odd, OLD), target: b.version(NEW, 0o600) },
      { path: "run.sh", expected: b.put("run.sh", OLD), target: b.version(NEW, 0o4755) },
      { path: "link", expected: "absent", target: b.link(Buffer.from("no/such/\xff", "latin1")) },
      { path: "file", expected: b.put("file", OLD), target: b.link("a.txt") },
    ];
    symlinkSync("gone.txt", b.at("was"));
    steps.push({ path: "was", expected: b.link("gone.txt"), target: b.version(NEW) });
    expect(b.restore(steps).map(({ outcome, reason, copy }) => ({ outcome, reason, copy }))).toEqual(steps.map(({ target }) => ({ outcome: target === "absent" ? "deleted" : "written", reason: undefined, copy: undefined })));
    expect(existsSync(b.at("gone.txt"))).toBe(false);
    expect(b.text("a.txt")).toBe("one\r\ntwo\nthree\r\n");
    expect(readFileSync(b.at("deep/er/made.bin")).equals(bytes)).toBe(true);
    expect([b.text(odd), b.text("was")]).toEqual([NEW, NEW]);
    expect(readlinkSync(b.at("link"), { encoding: "buffer" }).equals(Buffer.from("no/such/\xff", "latin1"))).toBe(true);
    expect(readlinkSync(b.at("file"))).toBe("a.txt");
    expect(["deep/er/made.bin", odd, "run.sh"].map((path) => (statSync(b.at(path)).mode & 0o7777).toString(8))).toEqual(["755", "600", "4755"]);
    // A build must see that it was changed.
    expect(Date.now() - statSync(b.at("a.txt")).mtimeMs).toBeLessThan(60_000);
    expect(b.all().filter((name) => name.includes(".tidemark"))).toEqual([]);
    expect(b.journals()).toEqual([]);
    expect(statSync(b.holding).mode & 0o777).toBe(0o700);
  });

  test("what stands as it is wanted is not opened, nor is what its times vouch for", () => {
    const b = bench();
    const [same, changed] = [b.put("same", OLD, 0o644), b.put("changed", OLD, 0o644)];
    const stampOf = (path: string) => look(b.at(path))!;
    const atime = new Date(1_500_000_000_000);
    for (const path of ["same", "changed"]) utimesSync(b.at(path), atime, new Date(1_600_000_000_000));
    const done = b.restore([
      { path: "same", expected: same, target: same, stamp: stampOf("same") },
      { path: "changed", expected: changed, target: b.version(NEW), stamp: stampOf("changed") },
    ], { read: (id) => (id === same.content ? failing("not to be read") : b.read(id)) });
    expect(done.map(({ outcome }) => outcome)).toEqual(["unchanged", "written"]);
    expect(statSync(b.at("same")).atimeMs).toBe(atime.getTime());
  });

  test("only a mode: in place, with the same inode and times", () => {
    const b = bench();
    const file = b.put("tool", OLD);
    const before = statSync(b.at("tool"));
    expect(b.restore([{ path: "tool", expected: file, target: { ...file, mode: 0o755 } }])).toEqual([{ path: "tool", outcome: "written" }]);
    const after = statSync(b.at("tool"));
    expect([after.mode & 0o7777, after.ino, after.mtimeMs]).toEqual([0o755, before.ino, before.mtimeMs]);
  });

  test("a file hard-linked elsewhere: the other name keeps its bytes", () => {
    const b = bench();
    const expected = b.put("a", OLD);
    linkSync(b.at("a"), join(b.base, "elsewhere"));
    b.restore([{ path: "a", expected, target: b.version(NEW) }]);
    expect([b.text("a"), readFileSync(join(b.base, "elsewhere"), "utf8")]).toEqual([NEW, OLD]);
  });

  test("bytes that are still in the user's repository are known by git's own names", () => {
    const b = bench();
    b.put("a", OLD);
    const blob = (kind: string): string => createHash(kind).update(`blob ${OLD.length}\0${OLD}`).digest("hex");
    const of = (kind: string): Version => ({ type: "file", mode: 0o644, size: OLD.length, content: `git:${blob(kind)}` });
    expect(b.restore([{ path: "a", expected: of("sha256"), target: of("sha256") }])[0]!.outcome).toBe("unchanged");
    expect(b.restore([{ path: "a", expected: { ...of("sha1"), content: `git:${"0".repeat(40)}` }, target: "absent" }])[0]!.outcome).toBe("conflict");
    expect(b.restore([{ path: "a", expected: of("sha1"), target: "absent" }])[0]!.outcome).toBe("deleted");
  });

  test("a folder goes once it is empty, if it began with what is undone, and stays otherwise", () => {
    const b = bench();
    const steps = ["ours/in/a", "ours/in/b", "theirs/c", "mixed/d"].map((path): RestoreStep => ({ path, expected: b.put(path, OLD), target: "absent" }));
    b.put("mixed/of the user", OLD);
    b.restore(steps, { mayRemoveDirectory: (path) => path !== "theirs" });
    expect(b.all()).toEqual(["mixed", "mixed/of the user", "theirs"]);
  });

  test("a file in place of a folder, a folder in place of a file, a folder in place of a link", () => {
    const b = bench();
    mkdirSync(join(b.base, "outside"));
    symlinkSync("../outside", b.at("link"));
    const steps: RestoreStep[] = [
      { path: "d/e/x", expected: b.put("d/e/x", OLD), target: "absent" },
      { path: "d/y", expected: b.put("d/y", OLD), target: "absent" },
      { path: "f", expected: b.put("f", OLD), target: "absent" },
      { path: "link", expected: b.link("../outside"), target: "absent" },
      { path: "d", expected: "absent", target: b.version(NEW) },
      { path: "f/g/h", expected: "absent", target: b.version(NEW) },
      { path: "link/i", expected: "absent", target: b.version(NEW) },
    ];
    expect(b.restore(steps, { mayRemoveDirectory: () => true }).map(({ outcome }) => outcome)).toEqual(["deleted", "deleted", "deleted", "deleted", "written", "written", "written"]);
    expect(b.all()).toEqual(["d", "f", "f/g", "f/g/h", "link", "link/i"]);
    expect(readdirSync(join(b.base, "outside"))).toEqual([]);
  });
});

describe("what is left alone", () => {
  test("what was changed, deleted or made by somebody else", () => {
    const b = bench();
    const expected = b.version(OLD);
    b.put("changed", "mine");
    b.put("same size", "OLD bytes\n");
    b.put("mode", OLD, 0o755);
    b.put("made", "mine");
    symlinkSync("mode", b.at("link"));
    const paths = ["changed", "same size", "mode", "link", "deleted"];
    const steps = [...paths.map((path): RestoreStep => ({ path, expected, target: b.version(NEW) })), { path: "made", expected: "absent", target: b.version(NEW) } as const];
    const before = b.all();
    expect(b.restore(steps).map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([...Array(4).fill("conflict: it was changed meanwhile"), "conflict: it was deleted meanwhile", "conflict: it was changed meanwhile"]);
    expect(b.all()).toEqual(before);
    expect([b.text("changed"), b.text("same size"), b.text("made")]).toEqual(["mine", "OLD bytes\n", "mine"]);
    expect(b.journals()).toEqual([]);
  });

  test("a young file is read though its times are those of the stamp", () => {
    const b = bench();
    b.put("a", "OLD bytes\n", 0o644, true);
    const step = { path: "a", expected: b.version(OLD), target: b.version(NEW), stamp: look(b.at("a"))! };
    expect(b.restore([step])[0]!.outcome).toBe("conflict");
    expect(b.text("a")).toBe("OLD bytes\n");
    const onlyMode = { ...step, target: b.version(OLD, 0o755) };
    expect(b.restore([{ ...onlyMode, stamp: look(b.at("a"))! }])[0]!.outcome).toBe("conflict");
    expect(statSync(b.at("a")).mode & 0o777).toBe(0o644);
  });

  test("a folder in the way, a folder that has become a file, a device", () => {
    const b = bench();
    const made = b.version(NEW);
    mkdirSync(b.at("folder/with"), { recursive: true });
    b.put("file", "mine");
    const done = b.restore([
      { path: "folder", expected: b.version(OLD), target: made },
      { path: "folder/with", expected: "absent", target: made },
      { path: "folder/with/x", expected: b.version(OLD), target: "absent" },
      { path: "file/below", expected: "absent", target: made },
      { path: "file/below too", expected: b.version(OLD), target: "absent" },
    ]);
    expect(done.map(({ outcome, reason }) => `${outcome} ${reason ?? ""}`)).toEqual(["refused a folder stands there now", "refused a folder stands there now", "unchanged ", "refused a file stands where a folder should be: file", "unchanged "]);
    expect(b.all()).toEqual(["file", "folder", "folder/with"]);
  });

  test("through a link nothing is written, deleted or moved: inside of the tree or outside", () => {
    const b = bench();
    const outside = join(b.base, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "a"), OLD);
    symlinkSync(outside, b.at("out"));
    b.put("real/a", OLD);
    symlinkSync("real", b.at("in"));
    const steps = ["out", "in"].flatMap((folder): RestoreStep[] => [
      { path: `${folder}/a`, expected: b.version(OLD), target: "absent" },
      { path: `${folder}/new/b`, expected: "absent", target: b.version(NEW) },
    ]);
    expect(b.restore(steps, { mayRemoveDirectory: () => true }).map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([...Array(2).fill("refused: a folder on the way is a link now: out"), ...Array(2).fill("refused: a folder on the way is a link now: in")]);
    expect(readdirSync(outside)).toEqual(["a"]);
    expect(b.all()).toEqual(["in", "out", "real", "real/a"]);
  });

  test.skipIf(!HOLDS)("a folder that becomes a link while it is being restored", () => {
    const b = bench();
    const outside = join(b.base, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "a"), OLD);
    const steps: RestoreStep[] = [{ path: "d/a", expected: b.put("d/a", OLD), target: b.version(NEW) }, { path: "d/b", expected: b.put("d/b", OLD), target: "absent" }];
    const fault = once("checked", "d/a", () => {
      renameSync(b.at("d"), b.at("moved"));
      symlinkSync(outside, b.at("d"));
    });
    const done = b.restore(steps, { fault, id: "m" });
    // The folder that was entered is the one that is written to, wherever it is now; never the one the link leads to.
    expect([readdirSync(outside), readFileSync(join(outside, "a"), "utf8")]).toEqual([["a"], OLD]);
    expect(done.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual(["written: its folder was moved away meanwhile, with a file of ours in it whose name begins with .tidemark-m-0", "refused: a folder on the way is a link now: d"]);
    expect([b.text("moved/a"), b.text("moved/b"), b.text("moved/.tidemark-m-0.aside")]).toEqual([NEW, OLD, OLD]);
  });

  test("paths that lead out of the tree or into git's files, and what was not captured", () => {
    const b = bench();
    const target = b.version(NEW);
    const paths = ["", "/etc/x", "../x", "a/../../x", "a//b", "./a", ".git/config", "sub/.GIT/hooks/x", "nul\0"];
    const steps = paths.map((path): RestoreStep => ({ path, expected: "absent", target }));
    steps.push({ path: "u", expected: "absent", target: "unknown" }, { path: "v", expected: "unknown", target });
    expect(b.restore(steps).map(({ outcome }) => outcome)).toEqual(steps.map(() => "refused"));
    expect([b.all(), readdirSync(b.base)]).toEqual([[], ["tree"]]);
  });

  test("one damaged content: its path is refused by name, the others are done", () => {
    const b = bench();
    const steps = ["a", "b", "c"].map((path): RestoreStep => ({ path, expected: b.put(path, OLD), target: b.version(`${NEW}${path}`) }));
    b.contents.delete((steps[1]!.target as Version).content);
    const short = steps[2]!.target as Version;
    b.contents.set(short.content, Buffer.from("short"));
    expect(b.restore(steps)).toEqual([
      { path: "a", outcome: "written" },
      { path: "b", outcome: "refused", reason: expect.stringMatching(/^its bytes cannot be had: no such content sha256:/) },
      { path: "c", outcome: "refused", reason: `its bytes are damaged: 5 instead of ${short.size}` },
    ]);
    expect([b.text("a"), b.text("b"), b.text("c")]).toEqual([`${NEW}a`, OLD, OLD]);
    expect(b.all()).toEqual(["a", "b", "c"]);
  });

  test("a tree that is not there; a path twice; an id that is no name", () => {
    const b = bench();
    expect(() => b.restore([], { root: join(b.base, "none") })).toThrow("The tree is not there");
    expect(() => b.restore([], { id: "../x" })).toThrow("Not an id");
    const step: RestoreStep = { path: "a", expected: "absent", target: b.version(NEW) };
    expect(() => b.restore([step, step])).toThrow("twice");
  });
});

describe("somebody else at the same time", () => {
  const start = (kind: "replace" | "make" | "delete") => {
    const b = bench();
    const expected = kind === "make" ? "absent" : b.put("a", OLD);
    return { b, steps: [{ path: "a", expected, target: kind === "delete" ? "absent" : b.version(NEW) }] as RestoreStep[] };
  };

  test.each(["replace", "delete"] as const)("written to after the look (%s): it is put back as it is", (kind) => {
    const { b, steps } = start(kind);
    expect(b.restore(steps, { fault: once("checked", "a", () => writeFileSync(b.at("a"), "mine")) })).toEqual([{ path: "a", outcome: "conflict", reason: "it was changed meanwhile" }]);
    expect([b.all(), b.text("a"), b.asides()]).toEqual([["a"], "mine", []]);
  });

  test("replaced after the look by something of the same size, a link, a folder", () => {
    for (const become of [(at: string) => writeFileSync(at, "OLD bytes\n"), (at: string) => symlinkSync("x", at), (at: string) => (mkdirSync(at), writeFileSync(join(at, "mine"), "mine"))]) {
      const { b, steps } = start("replace");
      const at = join(b.root, "a");
      const fault = once("checked", "a", () => (rmSync(at), become(at)));
      expect(b.restore(steps, { fault })[0]!.outcome).toBe("conflict");
      const about = lstatSync(at);
      if (about.isDirectory()) expect(readFileSync(join(at, "mine"), "utf8")).toBe("mine");
      else if (about.isSymbolicLink()) expect(readlinkSync(at)).toBe("x");
      else expect(readFileSync(at, "utf8")).toBe("OLD bytes\n");
      expect(b.all().filter((name) => name.includes("tidemark"))).toEqual([]);
    }
  });

  test.each([["replace", "conflict"], ["delete", "unchanged"]] as const)("gone after the look (%s)", (kind, outcome) => {
    const { b, steps } = start(kind);
    expect(b.restore(steps, { fault: once("checked", "a", () => unlinkSync(b.at("a"))) })[0]!.outcome).toBe(outcome);
    expect(b.all()).toEqual([]);
  });

  test("made in between: theirs stays, ours is not written", () => {
    for (const kind of ["replace", "make"] as const) {
      const { b, steps } = start(kind);
      const fault = once("link", "a", () => writeFileSync(b.at("a"), "mine"));
      expect(b.restore(steps, { fault })).toEqual([{ path: "a", outcome: "conflict", reason: "something was put there meanwhile" }]);
      expect([b.all(), b.text("a")]).toEqual([["a"], "mine"]);
    }
  });

  test("changed, and then made once more: both are kept", () => {
    const { b, steps } = start("replace");
    const fault = (moment: Moment): void => {
      if (moment === "checked") writeFileSync(b.at("a"), "first");
      if (moment === "aside") writeFileSync(b.at("a"), "second");
    };
    expect(b.restore(steps, { fault, id: "both" })).toEqual([{ path: "a", outcome: "conflict", reason: "it was changed meanwhile", copy: "a.tidemark-conflict-both" }]);
    expect([b.text("a"), b.text("a.tidemark-conflict-both")]).toEqual(["second", "first"]);
  });

  test.each(["replace", "delete"] as const)("held open and written to late (%s): a conflict copy, then one that is kept", (kind) => {
    const { b, steps } = start(kind);
    const descriptor = openSync(b.at("a"), "r+");
    const write = (text: string): void => (ftruncateSync(descriptor), void writeSync(descriptor, text, 0));
    const done = b.restore(steps, { id: "late", fault: once("settle", "a", () => write("written late")) });
    expect(done).toEqual([{ path: "a", outcome: kind === "delete" ? "deleted" : "written", reason: "it was written to while it was being restored", copy: "a.tidemark-conflict-late" }]);
    write("written later");
    closeSync(descriptor);
    expect(b.text("a.tidemark-conflict-late")).toBe("written later");
    if (kind === "replace") expect(b.text("a")).toBe(NEW);
  });

  test("written to after the restore is over: found when what was moved aside is swept", () => {
    const b = bench();
    const steps = ["a", "b"].map((path): RestoreStep => ({ path, expected: b.put(path, OLD), target: b.version(NEW) }));
    const descriptor = openSync(b.at("a"), "r+");
    b.restore(steps, { id: "kept" });
    expect(b.asides()).toEqual([OLD, OLD]);
    writeSync(descriptor, "OLD", 0);
    closeSync(descriptor);
    const now = Date.now();
    expect(sweepAsides(b.holding, 60_000, now)).toEqual([]);
    expect(b.asides().length).toBe(2);
    const kept = [{ id: "kept", root: b.root, path: "a", file: join(b.holding, "kept.asides/0") }];
    expect(sweepAsides(b.holding, 60_000, now + 120_000)).toEqual(kept);
    expect(sweepAsides(b.holding, 60_000, now + 120_000)).toEqual(kept);
    expect(b.asides()).toEqual(["OLD bytes\n"]);
    rmSync(kept[0]!.file);
    expect(sweepAsides(b.holding, 0, now + 120_000)).toEqual([]);
    expect(readdirSync(b.holding)).toEqual([]);
  });

  test("a conflict copy finds a name that is free, and one that is short enough", () => {
    for (const path of ["a", "n".repeat(240)]) {
      const b = bench();
      const expected = b.put(path, OLD);
      writeFileSync(b.at(`${path.slice(0, 200)}.tidemark-conflict-x`), "not ours");
      const descriptor = openSync(b.at(path), "r+");
      const [done] = b.restore([{ path, expected, target: "absent" }], { id: "x", fault: once("settle", path, () => void writeSync(descriptor, "mine", 0)) });
      closeSync(descriptor);
      expect(done!.copy).toBe(path === "a" ? "a.tidemark-conflict-x-2" : "tidemark-conflict-x-0");
      expect(b.text(done!.copy!)).toBe("minebytes\n");
    }
  });
});

describe("a file system without hard links", () => {
  test("files are copied in, which still fails where something stands", () => {
    const b = bench();
    const steps = ["a", "b"].map((path): RestoreStep => ({ path, expected: b.put(path, OLD), target: b.version(NEW, 0o755) }));
    const done = b.restore(steps, { fault: (moment, path) => void (moment === "link" && (path === "b" && writeFileSync(b.at("b"), "mine"), failing("EPERM"))) });
    expect(done.map(({ outcome }) => outcome)).toEqual(["written", "conflict"]);
    expect([b.text("a"), b.text("b"), statSync(b.at("a")).mode & 0o777, b.all()]).toEqual([NEW, "mine", 0o755, ["a", "b"]]);
  });

  test("what was changed is copied back; who holds it open can go on writing", () => {
    const b = bench();
    const expected = b.put("a", OLD);
    const descriptor = openSync(b.at("a"), "r+");
    const fault = (moment: Moment): void => {
      if (moment === "checked") writeSync(descriptor, "first", 0);
      if (moment === "back") failing("ENOTSUP");
      if (moment === "settle") writeSync(descriptor, "later", 0);
    };
    expect(b.restore([{ path: "a", expected, target: b.version(NEW) }], { fault, id: "c" })).toEqual([{ path: "a", outcome: "conflict", reason: "it was changed meanwhile", copy: "a.tidemark-conflict-c" }]);
    closeSync(descriptor);
    expect([b.text("a"), b.text("a.tidemark-conflict-c")]).toEqual(["firstytes\n", "laterytes\n"]);
  });

  test("a copy cut off by a crash is put aside and made whole", () => {
    const b = bench();
    const steps: RestoreStep[] = [{ path: "a", expected: b.put("a", OLD), target: b.version(NEW) }];
    expect(() => b.restore(steps, { id: "torn", fault: once("link", "a", () => (writeFileSync(b.at("a"), NEW.slice(0, 5)), crash())) })).toThrow("crash");
    const [done] = b.recover({ fault: (moment) => void (moment === "link" && failing("EPERM")) });
    expect(done!.outcomes).toEqual([{ path: "a", outcome: "written", copy: "a.tidemark-conflict-torn" }]);
    expect(b.text("a")).toBe(NEW);
  });
});

describe("what the operating system will not do", () => {
  test("an error while linking: what stood there is put back, folders that were made go, the others are done", () => {
    const b = bench();
    const steps: RestoreStep[] = [
      { path: "a", expected: b.put("a", OLD), target: b.version(NEW) },
      { path: "made/here/b", expected: "absent", target: b.version(NEW) },
      { path: "c", expected: b.put("c", OLD), target: b.version(NEW) },
    ];
    const done = b.restore(steps, { fault: (moment, path) => void (moment === "link" && path !== "c" && failing("ENOSPC")) });
    expect(done.map(({ outcome, reason }) => `${outcome} ${reason ?? ""}`)).toEqual(["refused the disk is full", "refused the disk is full", "written "]);
    expect([b.all(), b.text("a"), b.text("c")]).toEqual([["a", "c"], OLD, NEW]);
  });

  test("what cannot be put back stays under its other name, is said, and waits for the next recovery", () => {
    const b = bench();
    const steps = ["a", "b"].map((path): RestoreStep => ({ path, expected: b.put(path, OLD), target: b.version(NEW) }));
    const done = b.restore(steps, { id: "stuck", fault: (moment, path) => void (path === "a" && (moment === "link" || moment === "back") && failing("EIO")) });
    expect(done).toEqual([{ path: "a", outcome: "refused", reason: "the disk failed; what stood there could not be put back: the disk failed", copy: ".tidemark-stuck-0.aside" }, { path: "b", outcome: "written" }]);
    expect(b.text(".tidemark-stuck-0.aside")).toBe(OLD);
    const recovered = b.recover();
    expect(recovered.map(({ outcomes }) => outcomes)).toEqual([[{ path: "a", outcome: "written" }]]);
    expect([b.all(), b.text("a"), b.journals()]).toEqual([["a", "b"], NEW, []]);
  });
});

const crash = (): never => {
  throw new Error("crash");
};

describe("after a crash", () => {
  const FOLDERS = ["d", "d/e"];
  const prepared = () => {
    const b = bench();
    symlinkSync("old", b.at("link"));
    const steps: RestoreStep[] = [
      { path: "d/e/x", expected: b.put("d/e/x", OLD), target: "absent" },
      { path: "gone", expected: b.put("gone", OLD), target: "absent" },
      { path: "d", expected: "absent", target: b.version(NEW) },
      { path: "a", expected: b.put("a", OLD), target: b.version(NEW, 0o755) },
      { path: "new/b", expected: "absent", target: b.version(NEW) },
      { path: "link", expected: b.link("old"), target: b.link("a") },
      { path: "mode", expected: b.put("mode", OLD), target: b.version(OLD, 0o600) },
    ];
    return { b, steps, may: { mayRemoveDirectory: (path: string) => FOLDERS.includes(path) } };
  };
  const isDone = (b: ReturnType<typeof bench>): void => {
    expect(b.all()).toEqual(["a", "d", "link", "mode", "new", "new/b"]);
    expect([b.text("a"), b.text("d"), b.text("new/b"), b.text("mode"), readlinkSync(b.at("link"))]).toEqual([NEW, NEW, NEW, OLD, "a"]);
    expect([statSync(b.at("a")).mode & 0o777, statSync(b.at("mode")).mode & 0o777]).toEqual([0o755, 0o600]);
    expect(b.journals()).toEqual([]);
  };

  test("at every moment of every path it is rolled forward, also if recovery crashes as well", () => {
    const moments: string[] = [];
    const { b, steps, may } = prepared();
    b.restore(steps, { ...may, fault: (moment, path) => void (moment !== "journaled" && moments.push(`${moment} ${path}`)) });
    isDone(b);
    expect(moments.length).toBeGreaterThan(18);
    for (const [i, stop] of moments.entries()) {
      // A third of all pairs, which takes three seconds.
      for (const again of [undefined, ...moments.filter((_, j) => (i + j) % 3 === 0)]) {
        const { b, steps, may } = prepared();
        expect(() => b.restore(steps, { ...may, fault: (moment, path) => void (`${moment} ${path}` === stop && crash()) })).toThrow("crash");
        if (again !== undefined) {
          try {
            b.recover({ fault: (moment, path) => void (`${moment} ${path}` === again && crash()) });
          } catch (error) {
            expect((error as Error).message).toBe("crash");
          }
        }
        b.recover();
        isDone(b);
      }
    }
  });

  test("what somebody did before the recovery stays, and nothing of anyone is gone", () => {
    for (const moment of ["checked", "aside", "link", "settle"] as const) {
      for (const hand of ["write", "make anew", "delete"] as const) {
        const b = bench();
        const steps: RestoreStep[] = [{ path: "a", expected: b.put("a", OLD), target: b.version(NEW) }];
        expect(() => b.restore(steps, { id: "x", fault: once(moment, "a", crash) })).toThrow("crash");
        const aside = [".tidemark-x-0.aside", "a"].map(b.at).find((path) => existsSync(path))!;
        if (hand === "write") {
          writeFileSync(aside, "mine");
          // With times that do not tell.
          utimesSync(aside, 1_600_000_000, 1_600_000_000);
        }
        else rmSync(b.at("a"), { force: true });
        if (hand === "make anew") writeFileSync(b.at("a"), "mine");
        const [recovered] = b.recover();
        const everything = b.all().map((path) => b.text(path));
        if (hand !== "delete") expect(everything, `${moment} ${hand}`).toContain("mine");
        expect(b.all().filter((path) => path.startsWith(".tidemark")), `${moment} ${hand}`).toEqual([]);
        expect(recovered!.outcomes.length).toBe(1);
        expect(b.journals()).toEqual([]);
      }
    }
  });

  test("between putting back and taking away the other name: one file, as it was", () => {
    const b = bench();
    const steps: RestoreStep[] = [{ path: "a", expected: b.put("a", OLD), target: b.version(NEW) }];
    const fault = (moment: Moment): void => {
      if (moment === "checked") writeFileSync(b.at("a"), "mine");
      if (moment !== "back") return;
      linkSync(b.at(".tidemark-x-0.aside"), b.at("a"));
      crash();
    };
    expect(() => b.restore(steps, { id: "x", fault })).toThrow("crash");
    expect(b.recover()[0]!.outcomes).toEqual([{ path: "a", outcome: "conflict", reason: "it was changed meanwhile" }]);
    expect([b.all(), b.text("a")]).toEqual([["a"], "mine"]);
  });

  test("for what is done already no bytes are needed", () => {
    const { b, steps, may } = prepared();
    expect(() => b.restore(steps, { ...may, fault: once("settle", "link", crash) })).toThrow("crash");
    b.contents.clear();
    expect(b.recover()[0]!.outcomes.map(({ outcome }) => outcome)).toEqual(["deleted", "deleted", ...Array(5).fill("written")]);
    isDone(b);
  });

  test("bytes that are not to be had any more: what stood there is put back", () => {
    const b = bench();
    const steps: RestoreStep[] = [{ path: "a", expected: b.put("a", OLD), target: b.version(NEW) }];
    expect(() => b.restore(steps, { id: "x", fault: once("aside", "a", crash) })).toThrow("crash");
    rmSync(b.at(".tidemark-x-0"));
    b.contents.clear();
    expect(b.recover()[0]!.outcomes).toEqual([{ path: "a", outcome: "refused", reason: expect.stringMatching(/^its bytes cannot be had/) }]);
    expect([b.all(), b.text("a")]).toEqual([["a"], OLD]);
  });

  test("a journal of a living process is left to it; a damaged one, or one of a tree that is away, stays and is named", () => {
    const b = bench();
    const steps: RestoreStep[] = [{ path: "a", expected: b.put("a", OLD), target: b.version(NEW) }];
    expect(() => b.restore(steps, { id: "x", fault: once("aside", "a", crash) })).toThrow("crash");
    expect(b.journals()).toEqual([`x.${process.pid}.json`]);
    expect(statSync(join(b.holding, b.journals()[0]!)).mode & 0o777).toBe(0o600);
    expect(recoverRestores(b.holding, { read: b.read, alive: (pid) => pid === process.pid })).toEqual([]);
    renameSync(b.root, `${b.root}-away`);
    expect(b.recover().map(({ problem }) => problem)).toEqual([`The tree is not there: ${b.root}`]);
    renameSync(`${b.root}-away`, b.root);
    writeFileSync(join(b.holding, "y.1.json"), "{\"id\":");
    writeFileSync(join(b.holding, "z.1.json.part"), "{");
    expect(b.recover().map(({ id, problem }) => `${id} ${problem ?? "done"}`)).toEqual(["x done", "y its journal is damaged"]);
    expect([b.text("a"), b.all(), b.journals()]).toEqual([NEW, ["a"], [`y.${process.pid}.json`]]);
  });
});

describe("a folder that is entered by name, where none can be held open", () => {
  test("the same answers", () => {
    const b = bench();
    b.put("d/e/f", OLD);
    symlinkSync("d", b.at("link"));
    for (const holds of [true, false]) {
      const made: string[] = [];
      const folder = enter(b.root, "d/new/er", made, holds);
      expect(made).toEqual(["d/new", "d/new/er"]);
      if (folder === "missing" || "refused" in folder) throw new Error("not entered");
      writeFileSync(folder.at("x"), "x");
      folder.leave();
      expect(b.text("d/new/er/x")).toBe("x");
      rmSync(b.at("d/new"), { recursive: true });
      expect([enter(b.root, "none/x", undefined, holds), enter(b.root, "link/e", undefined, holds), enter(b.root, "d/e/f/g", undefined, holds)]).toEqual(["missing", { refused: "a folder on the way is a link now: link", nothing: false }, { refused: "a file stands where a folder should be: d/e/f", nothing: true }]);
    }
  });
});
