/**
 * Writes the documents that are made from code, or with --check says which of them differ and exits 1.
 *
 *   npm run docs          writes
 *   npm run docs:check    compares, and looks for links in documents and comments that lead nowhere
 *
 * A whole file is generated, or the part of a file between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Commands
 * are run from dist/, so `npm run build` comes first. Nothing of this machine gets in: each run has a home of its own,
 * a fixed clock and UTC.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import * as z from "zod";
import { ERRORS, exitCode, TidemarkError, type ErrorCode } from "../src/base/errors.ts";
import { HISTORIES } from "../src/agents/histories.ts";
import { pluginHooks } from "../src/agents/claude-code/hook-lines.ts";
import { COMMANDS, VERSION } from "../src/cli/main.ts";
import { FAMILIES } from "../src/event/redact.ts";
import { SHAPED } from "../src/event/redact-families.ts";
import { PAYLOADS, type EventType } from "../src/event/schema.ts";
import { PROMPTS } from "../src/mcp/prompts.ts";
import { KINDS } from "../src/mcp/resources.ts";
import { TOOLS } from "../src/mcp/server.ts";
import { PROBLEMS } from "../src/store/problems.ts";
import { openCheckpointStore } from "../src/store/sqlite/checkpoints.ts";
import { openDatabase } from "../src/store/sqlite/driver.ts";
import { openFiles, type Prepared } from "../src/store/sqlite/files.ts";
import { diagram, readSources, ROOT } from "./imports.ts";
import { timelinePicture } from "./timeline.ts";

const BINARY = join(ROOT, "dist/tidemark.js");
const EXAMPLES = join(ROOT, "examples/claude-config");
const scratch = mkdtempSync(join(tmpdir(), "tidemark-docs-"));

/** Later than every recorded session in examples/, so that ages are the same on every machine and day. */
const NOW = readNow();

function readNow(): string {
  const times = transcripts(EXAMPLES).flatMap((path) => [...readFileSync(path, "utf8").matchAll(/"timestamp":"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g)].map(([, time]) => Date.parse(time!)));
  const newest = times.reduce((latest, time) => Math.max(latest, time), 0);
  return new Date(newest + 3 * 3_600_000).toISOString();
}

function transcripts(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".jsonl")).map((path) => join(folder, path)).sort();
}

function tidemark(...args: string[]): string {
  const environment = { PATH: process.env["PATH"] ?? "", HOME: scratch, TZ: "UTC", NO_COLOR: "1", TIDEMARK_HOME: join(scratch, "state"), CLAUDE_CONFIG_DIR: EXAMPLES, TIDEMARK_NOW: NOW };
  return execFileSync(process.execPath, [BINARY, ...args], { cwd: scratch, env: environment, encoding: "utf8" });
}

// ---- the parts ----

function commands(): string {
  const parts = [
    "# Commands",
    "What `tidemark --help` and `tidemark COMMAND --help` print.",
    fenced(tidemark("--help")),
    "## For programs",
    "With `--json` every command prints one document on standard output: `{schema, ok, data, warnings, error?}`. `schema` is `tidemark/COMMAND/1`; `error` is `{code, kind, message, hint}` with a code of [errors.md](errors.md). Progress and notes go to standard error.",
    "| exit | means |\n|---|---|\n| 0 | done, also when there was nothing to do |\n| 1 | refused, or a problem was found |\n| 2 | the command line could not be understood |\n| 70 | broken: damage, or a mistake in Tidemark itself |",
    "## Environment",
    "| variable | is |\n|---|---|\n" +
      [
        ["TIDEMARK_HOME", "the folder for everything Tidemark keeps; see [data and privacy](data-and-privacy.md) for where it is otherwise"],
        ["CLAUDE_CONFIG_DIR", "Claude Code's own folder, if not `~/.claude`"],
        ["TIDEMARK_NOW", "the time to take for now, as an ISO time or milliseconds since 1970; for tests"],
        ["NO_COLOR", "any value: no colour. There is none in a pipe either"],
        ["TIDEMARK_TRACE", "any value: errors of kind internal also print where they happened"],
      ].map(([name, is]) => `| \`${name}\` | ${is} |`).join("\n"),
  ];
  for (const name of Object.keys(COMMANDS)) parts.push(`## ${name}`, fenced(tidemark(name, "--help")));
  return document(parts, "src/cli/commands/");
}

interface Shape {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
}

function events(): string {
  const source = readFileSync(join(ROOT, "src/event/schema.ts"), "utf8");
  const envelope = /^export interface Envelope[\s\S]*?^\}/m.exec(source)?.[0];
  if (envelope === undefined) throw new Error("src/event/schema.ts no longer has an interface Envelope");
  const parts = [
    "# Events",
    "The log is a list of events: facts that happened, in order, never changed. Everything else that Tidemark shows is derived from them. `tidemark export` prints events in this shape, one a line.",
    "## Envelope",
    "Every event has an envelope and a `payload`. They stand apart so that a payload can be erased and the hash chain still holds.",
    fenced(envelope.replace("export ", ""), "ts"),
    "## Types",
    `There are ${Object.keys(PAYLOADS).length}. A payload has exactly the fields listed; one that has others, or lacks one that is not optional, is refused.`,
  ];
  for (const type of Object.keys(PAYLOADS) as EventType[]) {
    const shape = z.toJSONSchema(PAYLOADS[type], { unrepresentable: "any" }) as Shape;
    const rows = fieldsOf(shape, "");
    parts.push(`### ${type}`, shape.description ?? "", table(["field", "is", "note"], rows));
  }
  return document(parts, "src/event/schema.ts");
}

function fieldsOf(shape: Shape, before: string): string[][] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const optional = shape.required?.includes(name) === true ? "" : ", optional";
    const rows = [[`\`${before}${name}\``, `${kindOf(field)}${optional}`, field.description ?? ""]];
    return [...rows, ...fieldsOf(field.items ?? {}, `${before}${name}[].`), ...fieldsOf(field, `${before}${name}.`)];
  });
}

function kindOf(shape: Shape): string {
  if (shape.enum !== undefined) return shape.enum.map((value) => `\`${value}\``).join(", ");
  if (shape.type === "array") return shape.items?.properties === undefined ? `list of ${kindOf(shape.items ?? {})}` : "list";
  return { string: "text", integer: "whole number from 0", number: "number from 0", boolean: "true or false", object: "object" }[shape.type ?? ""] ?? "any JSON";
}

function errors(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
    const { kind, hint, meaning } = ERRORS[code];
    return [`\`${code}\``, kind, String(exitCode(new TidemarkError(code, ""))), meaning, hint];
  });
  return document([
    "# Errors",
    "Every error says what happened to which thing, and the next command to type. `kind` says who can act: the user, whoever keeps the settings (config) or the machine (environment), or nobody but us (internal).",
    table(["code", "kind", "exit", "means", "next"], rows),
    "## What verify finds",
    "Damage is not an error but an answer: `tidemark verify` names each place with one of these codes and exits 1. `tidemark doctor` builds anew what is derived from the log; damage to the log itself is left as it is and stays named.",
    table(["code", "means"], Object.entries(PROBLEMS).map(([code, means]) => [`\`${code}\``, means])),
  ], "src/base/errors.ts and src/store/problems.ts");
}

function schema(): string {
  const files = openFiles(join(scratch, "empty"));
  openCheckpointStore(join(scratch, "empty")).close();
  const checkpoints = { database: openDatabase(join(scratch, "empty/checkpoints.db"), { readOnly: true }) };
  try {
    return [
      "-- The three files of a store, as a new one is made. Generated by `npm run docs` from src/store/sqlite/migrate.ts.",
      "-- Tables that FTS5 keeps for itself (words_…) are left out: they are those of the SQLite in use.",
      "",
      ...dump("log.db", files.log),
      ...dump("objects.db", files.objects),
      ...dump("checkpoints.db", checkpoints),
    ].join("\n");
  } finally {
    files.log.database.close();
    files.objects.database.close();
  }
}

function dump(name: string, { database }: Pick<Prepared, "database">): string[] {
  const shadows = new Set(database.prepare("SELECT name FROM pragma_table_list WHERE type = 'shadow'").all().map((row) => String(row["name"])));
  const rows = database.prepare("SELECT name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").all();
  const kept = rows.filter((row) => !shadows.has(String(row["tbl_name"])));
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  return [`-- ${name}`, `PRAGMA user_version = ${version};`, ...kept.map(({ sql }) => `${String(sql).replace(/^ {2}/gm, "")};`), ""];
}

function families(): string {
  const shaped = new Set(SHAPED.map(({ name }) => name));
  const rows = (by: boolean): string[][] => FAMILIES.filter(({ name }) => shaped.has(name) === by).map(({ name, description }) => [`\`${name}\``, description]);
  return [
    `Told by their own shape (${rows(true).length}):`,
    table(["family", "is"], rows(true)),
    `Told by what stands around them, or by chance that they are random (${rows(false).length}):`,
    table(["family", "is"], rows(false)),
  ].join("\n\n");
}

function samples(): { sessions: string; resume: string } {
  if (transcripts(EXAMPLES).length === 0) return { sessions: "(examples/ is not there yet)", resume: "(examples/ is not there yet)" };
  tidemark("import");
  const latest = (JSON.parse(tidemark("sessions", "--json")) as { data: { id: string }[] }).data[0]!.id;
  return { sessions: fenced(`$ tidemark sessions\n${tidemark("sessions")}`), resume: fenced(`$ tidemark resume ${latest.slice(0, 8)} --budget 600\n${tidemark("resume", latest, "--budget", "600")}`) };
}

// ---- writing them down ----

function tools(): string {
  const hints = ({ readOnlyHint, destructiveHint, idempotentHint, openWorldHint }: (typeof TOOLS)[0]["hints"]): string => [readOnlyHint ? "reads" : destructiveHint ? "destroys" : "adds", ...(idempotentHint ? ["again is harmless"] : []), ...(openWorldHint ? ["words of others"] : [])].join(", ");
  return table(["tool", "arguments", "hints", "what its description says"], TOOLS.map(({ name, description, input, hints: given }) => [`\`${name}\``, Object.keys((input["~standard"].jsonSchema.input({ target: "draft-2020-12" }) as { properties: object }).properties).map((each) => `\`${each}\``).join(" "), hints(given), description]));
}

function resources(): string {
  return table(["address", "holds"], KINDS.map(({ template, description }) => [`\`${template}\``, description]));
}

function prompts(): string {
  return table(["prompt", "argument", "does"], PROMPTS.map(({ name, description, argument }) => [`\`${name}\``, argument === undefined ? "" : `\`${argument.name}\`: ${argument.text}`, description]));
}

function document(parts: readonly string[], from: string): string {
  const [title = "", ...rest] = parts;
  return `${[title, `<!-- Generated by \`npm run docs\` from ${from}. Changes belong there. -->`, ...rest].join("\n\n")}\n`;
}

function fenced(text: string, language = ""): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = heads.map((_, i) => i === 0 || rows.some((row) => (row[i] ?? "") !== ""));
  const line = (cells: readonly string[]): string => `| ${cells.filter((_, i) => used[i]).map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Whose past sessions are imported, from where, and how one is gone on with. */
function agents(): string {
  const places = { home: "~", environment: {}, platform: "linux" };
  // The readers make places whole; here they are shown as they stand in a home.
  const shown = (path: string): string => `\`${relative(process.cwd(), path).replaceAll("\\", "/")}\``;
  return table(["agent", "is read from", "goes on with"], HISTORIES.map((history) => [`[${history.title}](agents/${history.agent}.md)`, history.places(places).map(shown).join(", "), `\`${history.resume("ID").join(" ")}\``]));
}

/** The file's text with the parts between its markers made new. */
function withParts(path: string, parts: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(ROOT, path), "utf8");
  for (const [name, part] of Object.entries(parts)) {
    const place = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end: ${name} -->)`);
    if (!place.test(text)) throw new Error(`${path} has no place for "${name}": it needs <!-- generated: ${name} --> and <!-- end: ${name} -->`);
    text = text.replace(place, (_, start: string, end: string) => `${start}${part}\n${end}`);
  }
  return text;
}

/** A file for others that says which version this is. */
function withVersion(path: string): string {
  return readFileSync(join(ROOT, path), "utf8").replace(/"version": "[^"]*"/g, `"version": "${VERSION}"`);
}

/** Links between documents, and documents that comments name, which lead nowhere. */
function deadLinks(): string[] {
  const found: string[] = [];
  const documents = [...readdirSync(ROOT).filter((name) => name.endsWith(".md")), ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
  for (const path of documents) {
    const text = readFileSync(join(ROOT, path), "utf8");
    for (const [, link] of text.replace(/```[\s\S]*?```/g, "").matchAll(/\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(ROOT, dirname(path), link!))) found.push(`${path} links to ${link}, which is not there`);
    }
    for (const [, named] of text.matchAll(/`((?:src|test|scripts|bench|docs)\/[\w./-]+\.(?:ts|mjs|md|sql))`/g)) {
      if (!existsSync(join(ROOT, named!))) found.push(`${path} names ${named}, which is not there`);
    }
  }
  for (const { path, text } of readSources()) {
    // Instruction files of the user's projects are named and are not ours.
    for (const [named] of text.matchAll(/\b(?:docs\/[\w/-]+|(?!CLAUDE|AGENTS|GEMINI|MEMORY)[A-Z]{4,})\.md\b/g)) if (!existsSync(join(ROOT, named))) found.push(`src/${path} names ${named}, which is not there`);
  }
  return found;
}

try {
  const { sessions, resume } = samples();
  const made: Record<string, string> = {
    "docs/commands.md": commands(),
    "docs/events.md": events(),
    "docs/errors.md": errors(),
    "docs/schema.sql": schema(),
    "docs/checkpoints.svg": await timelinePicture(scratch),
    "docs/redaction.md": withParts("docs/redaction.md", { families: families() }),
    "docs/mcp.md": withParts("docs/mcp.md", { tools: tools(), resources: resources(), prompts: prompts() }),
    "ARCHITECTURE.md": withParts("ARCHITECTURE.md", { imports: fenced(diagram(readSources())) }),
    "docs/README.md": withParts("docs/README.md", { agents: agents() }),
    "README.md": withParts("README.md", { sessions, resume }),
    "plugin/hooks/hooks.json": `${JSON.stringify({ description: "Made by npm run docs from src/agents/claude-code/hook-lines.ts", hooks: pluginHooks() }, undefined, 2)}\n`,
    "plugin/.claude-plugin/plugin.json": withVersion("plugin/.claude-plugin/plugin.json"),
    "server.json": withVersion("server.json"),
  };
  const check = process.argv.includes("--check");
  const wrong: string[] = [];
  for (const [path, text] of Object.entries(made)) {
    const at = join(ROOT, path);
    if (existsSync(at) && readFileSync(at, "utf8") === text) continue;
    if (check) wrong.push(`${path} differs from what the code says; \`npm run docs\` writes it`);
    else {
      writeFileSync(at, text);
      console.log(`wrote ${relative(ROOT, at)}`);
    }
  }
  wrong.push(...deadLinks());
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) process.exitCode = 1;
  else console.log(`${Object.keys(made).length} documents are as the code says.`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
