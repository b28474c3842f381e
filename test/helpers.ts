/**
 * What stories and shell tests share: scratch folders that vanish, recorded sessions, a store filled from them, a story
 * as short as a person would tell it, and the built command line in an environment of its own.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { sessionJson } from "../src/cli/format.ts";
import type { Places } from "../src/agents/places.ts";
import { importSessions, type ImportReport } from "../src/operations/import.ts";
import { listSessions, story } from "../src/operations/sessions.ts";
import { shownPath } from "../src/base/text.ts";
import type { Turn } from "../src/session/fold.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import type { Store } from "../src/store/store.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** The clock of every test: after the youngest recorded session. */
export const NOW = Date.UTC(2026, 11, 1, 12);

/** Where to say what is to be done in the end: after the test, or with `afterAll` after all of a file. */
type Until = (done: () => void) => void;

/** A folder that is gone after the test. */
export function scratch(until: Until = onTestFinished): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-test-")));
  until(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type Recording = "2.1.197" | "2.1.330" | "real";

/** A folder as the agent's own configuration folder, with recorded sessions in it. */
export const recorded = (name: Recording): string => join(ROOT, "test/fixtures/claude-code", name);

/** The recorded sessions by a name a reader can keep in mind. */
export const SESSIONS = {
  "197 main": ["2.1.197", "-tmp-demo", "5972f1c9-0432-4f9a-8d14-606ac1ec8c3b"],
  "197 fork": ["2.1.197", "-tmp-demo", "6113107f-bc46-426e-a8c3-78eb82e5e87c"],
  "197 typed": ["2.1.197", "-tmp-demo-tui", "13e19754-b205-47b0-a8a8-47e027c6b518"],
  "330 main": ["2.1.330", "-tmp-demo", "da961593-b045-40d0-b42a-ee8f7c2fa898"],
  "330 fork": ["2.1.330", "-tmp-demo", "29b7a28a-03ab-4d79-ae79-c24c4cd6e265"],
  "330 typed": ["2.1.330", "-tmp-demo-tui", "9dde056b-afd8-41d1-90da-172307c6386a"],
  goreleaser: ["real", "-home-dev-Work-entire-devenv-cli", "c93f3533-0f6b-4a61-99bd-7b788208ad61"],
  "root folder": ["real", "-home-dev-Work-entire-devenv-cli", "deeac353-0765-4439-9056-293619a99172"],
  "token usage": ["real", "-home-dev-wks-cli", "2a8af1a8-f8cc-4816-a463-12df7a999930"],
  "error handling": ["real", "-home-dev-wks-cli", "d64b50bb-125b-4b54-867a-e59841e553d8"],
  review: ["real", "-home-dev-workspace-cli", "056d2eda-6037-4f4f-a98d-f2f78f650be4"],
} as const satisfies Record<string, readonly [Recording, string, string]>;

export type Name = keyof typeof SESSIONS;

export const idOf = (name: Name): string => SESSIONS[name][2];

/** Path of a recorded session's transcript; its subagents stand in the folder of the same name without `.jsonl`. */
export const transcript = (name: Name): string => join(recorded(SESSIONS[name][0]), "projects", SESSIONS[name][1], `${SESSIONS[name][2]}.jsonl`);

export const linesOf = (name: Name): string[] => readFileSync(transcript(name), "utf8").trimEnd().split("\n");

/** A configuration folder of our own with copies of these sessions, their subagents included, to be changed at will. */
export function configWith(...names: Name[]): string {
  return fill(scratch(), names);
}

function fill(config: string, names: readonly Name[]): string {
  for (const name of names) {
    const [, slug, id] = SESSIONS[name];
    const to = join(config, "projects", slug);
    mkdirSync(to, { recursive: true });
    cpSync(transcript(name), join(to, `${id}.jsonl`));
    const beside = transcript(name).slice(0, -".jsonl".length);
    if (existsSync(beside)) cpSync(beside, join(to, id), { recursive: true });
  }
  return config;
}

/** Where a session's copy stands in such a folder. */
export const inConfig = (config: string, name: Name): string => join(config, "projects", SESSIONS[name][1], `${SESSIONS[name][2]}.jsonl`);

/** Writes a transcript of our own making; `lines` are records or raw lines. */
export function putTranscript(path: string, lines: readonly (string | object)[], days = 0): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  if (days > 0) age(path, days);
  return path;
}

/** Makes a file look as if it was last written that many days before NOW. */
export function age(path: string, days: number): void {
  const at = new Date(NOW - days * 86_400_000);
  utimesSync(path, at, at);
}

/** An open store in a home of its own. */
export async function freshStore(home = scratch()): Promise<Store> {
  const store = await openSqliteStore(home);
  onTestFinished(() => store.close());
  return store;
}

/** A home without any other agent. */
export const placesIn = (configDir: string): Places => ({ home: join(configDir, "nobody"), environment: { CLAUDE_CONFIG_DIR: configDir }, platform: process.platform });

export const importInto = (store: Store, configDir: string, paths: readonly string[] = []): Promise<ImportReport> =>
  importSessions(store, { paths, places: placesIn(configDir), scratch: scratch(), now: NOW, withinDays: 7 });

/** A fresh store with these sessions, imported as they would be on the machine they were made on. */
export async function storeWith(...names: Name[]): Promise<Store> {
  const store = await freshStore();
  await importInto(store, configWith(...names));
  return store;
}

/** A turn in one line, as `2 Make it friendlier: completed; Edit; greet.txt +1 -1`. */
export function tellTurn(turn: Turn, project = ""): string {
  const calls = turn.calls.map(({ tool, outcome, thread }) => `${thread === undefined ? "" : "sub:"}${tool}${outcome === "returned" ? "" : `(${outcome ?? "open"})`}`).join(" ");
  const files = turn.files.filter(({ change }) => change !== "read").map(({ path, change, added, removed }) => `${shownPath(path, project)} ${change} +${added} -${removed}`);
  return [`${turn.n} ${turn.prompt.split("\n")[0]!.slice(0, 60)}: ${turn.ending}`, calls, files.sort().join(", ")].filter((part) => part !== "").join("; ");
}

export interface Told {
  readonly title: string;
  readonly ending: string;
  readonly turns: string[];
  readonly rewound: string[];
  readonly lineage: string;
  readonly compactions: number;
  readonly subagents: number;
  readonly files: number;
  readonly tasks: string[];
}

/** A session as a person would tell it. */
export async function tell(store: Store, name: Name | string): Promise<Told> {
  const id = Object.hasOwn(SESSIONS, name) ? idOf(name as Name) : name;
  const told = await story(store, id);
  const listed = (await listSessions(store)).find((summary) => summary.id === id);
  const { project, title, ending, compactions, subagents, files } = told.summary;
  return {
    title,
    ending,
    turns: told.turns.map((turn) => tellTurn(turn, project)),
    rewound: told.rewound.map((turn) => tellTurn(turn, project)),
    lineage: listed?.relation === undefined ? "" : `${listed.relation} from ${listed.parent}`,
    compactions,
    subagents,
    files,
    tasks: told.tasks.map(({ content, status }) => `${status}: ${content}`),
  };
}

/** The list of sessions as `sessions --json` prints it. */
export const sessionsJson = async (store: Store): Promise<Record<string, unknown>[]> => (await listSessions(store)).map(sessionJson);

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Place {
  readonly home: string;
  readonly config: string;
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/** A machine of its own for the command line: nothing of the real one is seen or written. */
export function place(names: readonly Name[] = [], until: Until = onTestFinished): Place {
  const root = scratch(until);
  const [home, cwd, config] = [join(root, "state"), join(root, "work"), join(root, "claude")];
  mkdirSync(cwd);
  fill(config, names);
  return { home, config, cwd, env: { HOME: root, PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: home, CLAUDE_CONFIG_DIR: config, TIDEMARK_NOW: new Date(NOW).toISOString(), TZ: "UTC" } };
}

export const BINARY = join(ROOT, "dist/tidemark.js");

/** Runs the built command line. Its output goes to pipes. */
export function tidemark({ cwd, env }: Place, args: readonly string[], more: { env?: Record<string, string>; node?: readonly string[] } = {}): Promise<Outcome> {
  if (!existsSync(BINARY)) throw new Error("dist/tidemark.js is not there: `npm run build` makes it, as `npm test` does first");
  return run(process.execPath, [...(more.node ?? []), BINARY, ...args], cwd, { ...env, ...more.env });
}

export const shell = ({ cwd, env }: Place, script: string): Promise<Outcome> => run("sh", ["-c", script], cwd, { ...env, TIDEMARK: `${process.execPath} ${BINARY}` });

export function run(program: string, args: readonly string[], cwd: string, env: Record<string, string>): Promise<Outcome> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text));
    child.on("error", failed).on("close", (code) => done({ code, out, err }));
  });
}

export interface Answer {
  readonly code: number | null;
  readonly schema: string;
  readonly ok: boolean;
  readonly data: any;
  readonly warnings: string[];
  readonly error?: { code: string; kind: string; message: string; hint: string };
}

/** Runs a command with `--json` and reads the one document it prints. */
export async function ask(at: Place, args: readonly string[]): Promise<Answer> {
  const { code, out, err } = await tidemark(at, [...args, "--json"]);
  if (err !== "") throw new Error(`standard error is not empty: ${err}`);
  if (!/^\{.*\}\n$/.test(out)) throw new Error(`not one document on one line: ${out.slice(0, 300)}`);
  return { code, ...(JSON.parse(out) as Omit<Answer, "code">) };
}
