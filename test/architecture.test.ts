/**
 * The rules of ARCHITECTURE.md that can be read off the source: who may import whom, no loops, nothing from outside
 * in the pure rooms, nothing personal below the shell, and a file that opens by saying what it is for.
 *
 * An exception carries its reason; one that is no longer needed fails.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ALLOWED, cycles, importsOf, isOwn, opening, PACKAGES, packageOf, PURE, readSources, SHELLS, usesOf, withoutComments, type SourceFile } from "../scripts/imports.ts";

const sources = readSources();
const code = sources.filter(({ isTest }) => !isTest);

/** Modules that reach out of the process. node:path, node:crypto's hashes, node:zlib and node:buffer only compute. */
const OUTSIDE = /"node:(?:fs|fs\/promises|child_process|os|net|http|https|http2|tls|dgram|dns|worker_threads|cluster|process|readline|timers|sqlite)"/;
/** What changes from one run, user or machine to the next. */
const PERSONAL: readonly (readonly [string, RegExp])[] = [
  ["the environment", /\bprocess\.(?:env|argv)\b/],
  ["the working directory", /\bprocess\.cwd\(/],
  ["the home directory", /\bhomedir\(/],
  ["the clock", /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/],
  ["chance", /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(|\bgetRandomValues\(/],
];

/** Calling out, by any means; the types of node:http and node:net alone reach nothing. */
const NETWORK = /^(?!import type ).*"node:(?:net|http|https|http2|tls|dgram|dns)"|\bawait fetch\(|\bglobalThis\.fetch\b|\bWebSocket\b/m;

interface Exception {
  readonly file: string;
  readonly uses: string;
  readonly because: string;
}

const EXCEPTIONS: readonly Exception[] = [
  { file: "base/lines.ts", uses: "outside", because: "reading a file line by line is the one thing that every importer needs and that knows nothing of any of them" },
  { file: "worktree/git-export.ts", uses: "programs", because: "a commit that the user asks for is made by git's own plumbing: its formats, its locks and its checks are its own" },
  { file: "worktree/state.ts", uses: "programs", because: "only git can tell what is not committed; it is asked, may write nothing, and is not waited for" },
  { file: "worktree/repository.ts", uses: "programs", because: "the bytes of a blob, packed as it may be, are git's to give; it is only read" },
  { file: "cli/commands/hook.ts", uses: "programs", because: "the first look at a tree goes on after the hook that began it has let the call go" },
  { file: "cli/tree-process.ts", uses: "programs", because: "an engine has the keepers of its trees on another thread, and one process has one of each: what an agent asks of a tree is done by another" },
  { file: "models/http.ts", uses: "network", because: "a model or an embedder is asked where the user has named one, and nowhere else" },
  { file: "mcp/http/listen.ts", uses: "network", because: "`tidemark serve` listens where the user has said so; it is given createServer and nothing that calls out" },
  { file: "models/agent.ts", uses: "programs", because: "the agent's own command line is asked where the user has named it as a model, and nowhere else" },
  { file: "store/encoding.ts", uses: "chance", because: "a salt that could be foreseen would let anyone test a guess against an erased text" },
];

function excepted(file: string, uses: string): boolean {
  return EXCEPTIONS.some((each) => each.file === file && each.uses === uses);
}

describe("imports", () => {
  test("every room is in the table, and every room of the table exists", () => {
    expect([...new Set(sources.map(({ room }) => room))].sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  test("a room imports only what the table allows", () => {
    const wrong = code.flatMap(({ path, room, imports }) =>
      imports.filter((each) => {
        const other = each.to.split("/")[0]!;
        if (!isOwn(each) || other === room) return false;
        const allowed = ALLOWED[room] ?? [];
        return !allowed.includes(other) && !allowed.includes(each.to) && !(each.typesOnly && allowed.includes(`${each.to} (types)`));
      }).map(({ to }) => `${path} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test("the table allows nothing that leads back up", () => {
    const order = Object.keys(ALLOWED);
    const wrong = Object.entries(ALLOWED).flatMap(([room, allowed]) => allowed.filter((other) => order.indexOf(other.split("/")[0]!) >= order.indexOf(room)).map((other) => `${room} may use ${other}`));
    expect(wrong).toEqual([]);
  });

  test("every own import names a file that is there", () => {
    const paths = new Set(sources.map(({ path }) => path));
    expect(sources.flatMap(({ path, imports }) => imports.filter((each) => isOwn(each) && !paths.has(each.to)).map(({ to }) => `${path} imports ${to}`))).toEqual([]);
  });

  test("no file leads back to itself", () => {
    expect(cycles(sources).map((loop) => loop.join(" → "))).toEqual([]);
  });

  test("a package from outside is named in its own rooms alone, and every dependency is named somewhere", () => {
    const outside = code.flatMap(({ path, room, imports }) => imports.filter((each) => !isOwn(each) && !each.to.startsWith("node:")).map(({ to }) => ({ path, room, name: packageOf(to) })));
    expect(outside.filter(({ room, name }) => ![PACKAGES[name]].flat().includes(room)).map(({ path, name }) => `${path} imports ${name}`)).toEqual([]);
    const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string>; peerDependencies: Record<string, string> };
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(Object.keys(PACKAGES).sort());
    // A package that is asked for by `require` has no import of its own.
    for (const name of Object.keys(PACKAGES)) expect(code.some((file) => file.code.includes(`"${name}`)), name).toBe(true);
  });

  test("commands are loaded when they are called", () => {
    const main = sources.find(({ path }) => path === "cli/main.ts")!;
    expect(main.imports.filter(({ to, lazy }) => to.startsWith("cli/commands/") && !lazy)).toEqual([]);
    expect(main.imports.filter(({ lazy, to }) => lazy && to.startsWith("cli/commands/")).length).toBe(sources.filter(({ path }) => path.startsWith("cli/commands/")).length);
  });
});

/** In a pure room, or in a file elsewhere whose opening comment says that it is pure. */
function isPure({ room, text }: SourceFile): boolean {
  return PURE.includes(room) || /\bpure\b/i.test(opening(text) ?? "");
}

describe("reach", () => {
  test("what is pure touches no file, process or network", () => {
    const wrong = code.filter(isPure).filter((file) => OUTSIDE.test(file.code) && !excepted(file.path, "outside")).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test("nothing personal below the shell: environment, directories, clock and chance arrive as arguments", () => {
    const below = code.filter(({ room }) => !SHELLS.includes(room));
    const wrong = below.flatMap((file) => PERSONAL.filter(([what, shape]) => shape.test(file.code) && !excepted(file.path, what)).map(([what]) => `${file.path} asks for ${what}`));
    expect(wrong).toEqual([]);
  });

  test("nothing talks to a network or starts a program", () => {
    const programs = /"node:child_process"/;
    expect(code.filter((file) => NETWORK.test(file.code) && !excepted(file.path, "network")).map(({ path }) => path)).toEqual([]);
    expect(code.filter((file) => programs.test(file.code) && !excepted(file.path, "programs")).map(({ path }) => path)).toEqual([]);
  });

  test("what listens calls nobody, and is reached by `tidemark serve` alone", () => {
    const listens = code.find(({ path }) => path === "mcp/http/listen.ts")!;
    expect([...listens.code.matchAll(/^import (\{[^}]*\}) from "node:http"/gm)].map(([, names]) => names)).toEqual(["{ createServer, type IncomingMessage, type ServerResponse }"]);
    expect(listens.code).not.toMatch(/^import (?!type ).*"node:net"|import\(/m);
    const users = code.filter(({ path, imports }) => !path.startsWith("mcp/http/") && imports.some(({ to }) => to.startsWith("mcp/http/"))).map(({ path }) => path);
    expect(users).toEqual(["cli/commands/serve.ts"]);
  });

  test("only the shell prints", () => {
    const shape = /\bconsole\.\w+\(|\bprocess\.(?:stdout|stderr|exit)\b/;
    expect(code.filter((file) => file.room !== "cli" && shape.test(file.code)).map(({ path }) => path)).toEqual([]);
  });

  test("every exception is needed", () => {
    const shapes = new Map<string, RegExp>([["outside", OUTSIDE], ["programs", /"node:child_process"/], ["network", NETWORK], ...PERSONAL]);
    const idle = EXCEPTIONS.filter(({ file, uses }) => shapes.get(uses)?.test(code.find(({ path }) => path === file)?.code ?? "") !== true);
    expect(idle.map(({ file, uses }) => `${file}: ${uses}`)).toEqual([]);
  });
});

describe("files", () => {
  test("every file opens by saying what it is for", () => {
    expect(sources.filter(({ text }) => opening(text) === undefined).map(({ path }) => path)).toEqual([]);
  });
});

describe("the reader of imports", () => {
  test("sees imports of every form and none in comments", () => {
    const text = [
      '/** import { a } from "./no.ts"; */',
      'import { a, type B } from "../base/x.ts"; // import "./no.ts"',
      'import type { C } from "../base/y.ts";',
      'import {\n  type D,\n} from "../base/z.ts";',
      'import "../base/w.ts";',
      'export * from "../base/v.ts";',
      'const late = () => import("../base/u.ts");',
      'const url = "https://example.org";',
    ].join("\n");
    const found = importsOf(withoutComments(text), "cli/main.ts");
    expect(found.map(({ to }) => to)).toEqual(["base/x.ts", "base/y.ts", "base/z.ts", "base/w.ts", "base/v.ts", "base/u.ts"]);
    expect(found.filter(({ typesOnly }) => typesOnly).map(({ to }) => to)).toEqual(["base/y.ts", "base/z.ts"]);
    expect(withoutComments(text)).toContain("https://example.org");
  });

  test("finds what is certainly there", () => {
    const uses = usesOf(sources);
    expect([...uses.get("cli")!]).toContain("operations");
    expect([...uses.get("base")!]).toEqual([]);
    const store = sources.find(({ path }) => path === "store/store.ts")!;
    expect(store.imports).toContainEqual({ to: "session/summary.ts", typesOnly: true, lazy: false });
    const main = sources.find(({ path }) => path === "cli/main.ts")!;
    expect(main.imports).toContainEqual({ to: "store/sqlite/store.ts", typesOnly: false, lazy: true });
  });
});
