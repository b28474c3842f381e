/**
 * What is remembered of a tree, after the tree was changed in 500 ways: renamed, deleted, moved, with other signatures and
 * bodies, on another branch, or in ways that touch none of it. Nothing stale may be given as current; of what still
 * holds at most one in fifty may be marked otherwise. What is true is known from what was done, not from the checks.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Memory } from "../../src/memory/model.ts";
import { kindOfStatement } from "../../src/memory/sentences.ts";
import { remember } from "../../src/operations/memories.ts";
import { aboutOf, check, placeOf, type Here } from "../../src/operations/recall-memories.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { NOW, scratch } from "../helpers.ts";

const MUTATIONS = 500;
const ENVIRONMENT = { PATH: process.env["PATH"], HOME: "/nowhere", GIT_CONFIG_NOSYSTEM: "1" };

/** Each file with its functions, in the form of its language. */
const FILES: Readonly<Record<string, { language: "ts" | "go" | "py" | "rs"; names: readonly string[] }>> = {
  "src/parse.ts": { language: "ts", names: ["parseLine", "parseHeader", "splitFields"] },
  "src/store/write.ts": { language: "ts", names: ["writeRow", "flushRows", "openTable"] },
  "src/client.ts": { language: "ts", names: ["fetchPage", "retryLater", "readBody"] },
  "cmd/serve.go": { language: "go", names: ["ServeAll", "StopServing", "loadRoutes"] },
  "internal/cache/cache.go": { language: "go", names: ["PutEntry", "GetEntry", "dropOldest"] },
  "tools/report.py": { language: "py", names: ["build_report", "read_rows", "send_mail"] },
  "tools/clean.py": { language: "py", names: ["clean_rows", "drop_empty", "fix_dates"] },
  "core/engine.rs": { language: "rs", names: ["run_engine", "next_step", "halt_all"] },
};

type Language = (typeof FILES)[string]["language"];

function declaration(language: Language, name: string, parameter = "value", body = `${name}_body`): string {
  if (language === "ts") return `export function ${name}(${parameter}: string): string {\n  const result = ${parameter} + "${body}";\n\n  if (result === "") {\n    return "none";\n  }\n  return result;\n}\n`;
  if (language === "go") return `// ${name} is part of it.\nfunc ${name}(${parameter} string) (string, error) {\n\tif ${parameter} == "" {\n\t\treturn "", nil\n\t}\n\treturn ${parameter} + "${body}", nil\n}\n`;
  if (language === "py") return `def ${name}(${parameter}):\n    """Part of it."""\n    if not ${parameter}:\n        return None\n    return ${parameter} + "${body}"\n`;
  return `pub fn ${name}(${parameter}: &str) -> String {\n    let result = format!("{}${body}", ${parameter});\n    result\n}\n`;
}

const fileText = ({ language, names }: (typeof FILES)[string]): string => names.map((name) => declaration(language, name)).join("\n");

const MANIFEST = { scripts: { test: "vitest run", lint: "oxlint", build: "tsc" }, dependencies: { zod: "4.6.7", commander: "14.0.3", hono: "4.1.0" } };

function git(root: string, ...args: string[]): void {
  const { status, stderr } = spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", ...args], { cwd: root, env: ENVIRONMENT, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** The whole tree as it was remembered. */
function fresh(root: string): void {
  for (const [path, file] of Object.entries(FILES)) write(root, path, fileText(file));
  write(root, "package.json", `${JSON.stringify(MANIFEST, undefined, 2)}\n`);
  write(root, "Makefile", "deploy: build\n\techo deploy\n\nbuild:\n\techo build\n");
  write(root, "go.mod", "module example.org/app\n\ngo 1.24\n\nrequire (\n\tgithub.com/spf13/cobra v1.9.1\n\tgolang.org/x/sync v0.12.0\n)\n");
}

/** Mulberry32. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface World {
  readonly root: string;
  readonly here: Here;
  /** By what each is about: `symbol PATH NAME`, `file PATH`, `script NAME`, `target NAME`, `dependency NAME`, `branch`. */
  readonly known: ReadonlyMap<string, Memory>;
}

let world: World;
beforeAll(async () => {
  const root = scratch(afterAll);
  git(root, "init", "-q");
  fresh(root);
  git(root, "add", "-A");
  git(root, "commit", "-qm", "one");
  git(root, "checkout", "-qb", "other");
  // The other branch has one file less, one that was moved, and one function that differs.
  rmSync(join(root, "tools/clean.py"));
  renameSync(join(root, "src/client.ts"), join(root, "src/http.ts"));
  write(root, "cmd/serve.go", fileText(FILES["cmd/serve.go"]!).replace("func ServeAll(value string)", "func ServeAll(value string, port int)"));
  git(root, "add", "-A");
  git(root, "commit", "-qm", "two");
  git(root, "checkout", "-q", "main");
  const here = await placeOf(root, ENVIRONMENT);
  const store = await openSqliteStore(scratch(afterAll));
  const known = new Map<string, Memory>();
  const keep = async (about: string, statement: string, scope: Memory["scope"] = { level: "project", project: here.project }): Promise<void> => {
    const evidence = aboutOf(statement, here, scope);
    const { memory } = await remember(store, { statement, scope, key: about, kind: kindOfStatement(statement), ...(evidence === undefined ? {} : { about: evidence }) }, NOW);
    known.set(about, memory);
  };
  for (const [path, { names }] of Object.entries(FILES)) {
    await keep(`file ${path}`, `Everything of its kind is kept in ${path}`);
    for (const name of names) await keep(`symbol ${path} ${name}`, `\`${name}\` in ${path} gives the text with an ending`);
  }
  for (const name of ["test", "lint", "build"]) await keep(`script ${name}`, `Before each commit run \`npm run ${name}\``);
  for (const name of ["deploy", "build"]) await keep(`target ${name}`, `It is put on the server by \`make ${name}\``);
  for (const name of ["zod", "commander", "hono", "cobra", "sync"]) await keep(`dependency ${name}`, `Everywhere we use \`${name}\` for that purpose`);
  await keep("branch", "The flag is called fast", { level: "branch", project: here.project, branch: "main" });
  await store.close();
  world = { root, here, known };
});

/** What was done, and what it made stale. */
interface Done {
  readonly what: string;
  readonly stale: readonly string[];
  readonly branch?: "other";
}

const PATHS = Object.keys(FILES);

function mutate(root: string, below: (n: number) => number): Done {
  const path = PATHS[below(PATHS.length)]!;
  const { language, names } = FILES[path]!;
  const name = names[below(names.length)]!;
  const other = names[(names.indexOf(name) + 1) % names.length]!;
  const ofFile = [`file ${path}`, ...names.map((each) => `symbol ${path} ${each}`)];
  const [file, symbol] = [`file ${path}`, `symbol ${path} ${name}`];
  const edit = (change: (text: string) => string): void => write(root, path, change(readFileSync(join(root, path), "utf8")));
  const manifest = (change: (all: { scripts: Record<string, string>; dependencies: Record<string, string> }) => void): void => {
    const all = structuredClone(MANIFEST) as { scripts: Record<string, string>; dependencies: Record<string, string> };
    change(all);
    write(root, "package.json", JSON.stringify(all, undefined, 2));
  };
  const script = ["test", "lint", "build"][below(3)]!;
  const dependency = ["zod", "commander", "hono"][below(3)]!;
  const moved = (to: string): Done => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    renameSync(join(root, path), join(root, to));
    return { what: `${path} → ${to}`, stale: ofFile };
  };
  const acts: readonly (() => Done)[] = [
    () => moved(path.replace(/(\w+)(\.\w+)$/, "$1_renamed$2")),
    () => moved(`elsewhere/${path}`),
    () => (rmSync(join(root, path)), { what: `${path} deleted`, stale: ofFile }),
    () => (rmSync(join(root, dirname(path)), { recursive: true }), { what: `${dirname(path)} deleted`, stale: PATHS.filter((each) => each.startsWith(`${dirname(path)}/`)).flatMap((each) => [`file ${each}`, ...FILES[each]!.names.map((of) => `symbol ${each} ${of}`)]) }),
    () => (edit((text) => text.replaceAll(name, `${name}Renamed`)), { what: `${name} renamed`, stale: [file, symbol] }),
    () => (edit((text) => text.replace(declaration(language, name), "")), { what: `${name} removed`, stale: [file, symbol] }),
    () => (edit((text) => text.replace(declaration(language, name), declaration(language, other).replaceAll(other, `call_${name}`)) + `\n// ${name} was here\n`), { what: `${name} only mentioned`, stale: [file, symbol] }),
    () => (edit((text) => text.replace(declaration(language, name), declaration(language, name, "input"))), { what: `signature of ${name}`, stale: [file, symbol] }),
    () => (edit((text) => text.replace(declaration(language, name), declaration(language, name, "value", "another"))), { what: `body of ${name}`, stale: [file, symbol] }),
    () => {
      const to = PATHS.find((each) => each !== path && FILES[each]!.language === language) ?? `extra.${language}`;
      edit((text) => text.replace(declaration(language, name), ""));
      write(root, to, `${existsSync(join(root, to)) ? readFileSync(join(root, to), "utf8") : ""}\n${declaration(language, name)}`);
      return { what: `${name} moved to ${to}`, stale: [file, symbol] };
    },
    () => (manifest((all) => delete all.scripts[script]), { what: `script ${script} removed`, stale: [`script ${script}`] }),
    () => (manifest((all) => (all.dependencies[dependency] = "99.0.0")), { what: `${dependency} upgraded`, stale: [`dependency ${dependency}`] }),
    () => (manifest((all) => delete all.dependencies[dependency]), { what: `${dependency} removed`, stale: [`dependency ${dependency}`] }),
    () => (write(root, "Makefile", "build:\n\techo build\n"), { what: "make deploy removed", stale: ["target deploy"] }),
    () => (write(root, "go.mod", readFileSync(join(root, "go.mod"), "utf8").replace("v1.9.1", "v2.0.0")), { what: "cobra upgraded", stale: ["dependency cobra"] }),
    () => {
      git(root, "checkout", "-q", "other");
      return { what: "branch other", branch: "other", stale: ["branch", "file tools/clean.py", ...FILES["tools/clean.py"]!.names.map((each) => `symbol tools/clean.py ${each}`), "file src/client.ts", ...FILES["src/client.ts"]!.names.map((each) => `symbol src/client.ts ${each}`), "file cmd/serve.go", "symbol cmd/serve.go ServeAll"] };
    },
    // From here on nothing that is remembered is touched. A file's own statement is about what is in it, not about its bytes.
    () => (edit((text) => `${text}\n${declaration(language, "entirely_new")}`), { what: `${path}: a function more`, stale: [] }),
    () => (edit((text) => `${language === "py" ? "# a note" : "// a note"}\n\n${text}`), { what: `${path}: a comment`, stale: [] }),
    () => (edit((text) => text.replace(/^( +)/gm, "$1$1")), { what: `${path}: indented otherwise`, stale: [] }),
    () => (edit((text) => text.split(declaration(language, name)).reverse().join(declaration(language, name))), { what: `${path}: in another order`, stale: [] }),
    () => (edit((text) => text.replaceAll("\n", "\r\n")), { what: `${path}: other line ends`, stale: [] }),
    () => (utimesSync(join(root, path), new Date(NOW + 9e7), new Date(NOW + 9e7)), { what: `${path} touched`, stale: [] }),
    () => (write(root, "docs/new.md", `${name} in ${path}`), { what: "a new file", stale: [] }),
    () => (manifest((all) => (all.scripts["more"] = "true")), { what: "a script more", stale: [] }),
    () => (manifest((all) => (all.dependencies["diff"] = "9.0.0")), { what: "a dependency more", stale: [] }),
    () => (git(root, "commit", "-q", "--allow-empty", "-m", "more"), { what: "another commit", stale: [] }),
  ];
  return acts[below(acts.length)]!();
}

test(`after each of ${MUTATIONS} changes nothing stale is given as current, and what holds is`, async () => {
  const { root, known } = world;
  const staleAsCurrent: string[] = [];
  const wronglyMarked = new Map<string, number>();
  let [stale, current, wrong] = [0, 0, 0];
  for (const [about, memory] of known) expect(check(memory, world.here, NOW).check, about).toBe("current");
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const done = mutate(root, chance(seed));
    const here = done.branch === undefined ? world.here : await placeOf(root, ENVIRONMENT);
    for (const [about, memory] of known) {
      const found = check(memory, here, NOW).check;
      if (done.stale.includes(about)) {
        stale += 1;
        if (found === "current") staleAsCurrent.push(`seed ${seed}: ${done.what}: ${about}`);
      } else {
        current += 1;
        if (found === "current") continue;
        wrong += 1;
        const what = `${done.what.replace(/^.*: /, "")}: ${about.split(" ")[0]}`;
        wronglyMarked.set(what, (wronglyMarked.get(what) ?? 0) + 1);
      }
    }
    for (const folder of ["src", "cmd", "internal", "tools", "core", "elsewhere", "docs"]) rmSync(join(root, folder), { recursive: true, force: true });
    for (const file of ["extra.rs", "extra.go", "extra.py", "extra.ts"]) rmSync(join(root, file), { force: true });
    if (done.branch !== undefined) git(root, "checkout", "-qf", "main");
    fresh(root);
  }
  expect(staleAsCurrent).toEqual([]);
  expect({ stale: stale > 700, current: current > 15_000 }).toEqual({ stale: true, current: true });
  expect(wrong / current, JSON.stringify([...wronglyMarked])).toBeLessThanOrEqual(0.02);
  if (process.env["TIDEMARK_FIGURES"] !== undefined) console.log({ stale, staleAsCurrent: staleAsCurrent.length, current, wrong, share: wrong / current, by: Object.fromEntries(wronglyMarked) });
}, 180_000);
