/**
 * `npm run recording:history [client…]`: makes test/fixtures/<client>/<version>/ from real runs of the clients in histories.ts.
 * Paths of the scratch home are replaced and the clients' own long texts (system prompt, skills) are cut; the rest is theirs.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { workInCodex, workInGemini, workInOpencode } from "./histories.ts";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { other, OTHERS, someplace, type Place } from "./others.ts";

const LONGEST = 600;
const CUT = "…[shortened for the sample]";

/** Longer texts are the client's own: ours are short. */
function shortened(value: unknown): unknown {
  if (typeof value === "string") return value.length > LONGEST ? value.slice(0, 200) + CUT : value;
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shortened(inner)]));
}

const scrubbed = (text: string, { home, repo }: Place): string => text.replaceAll(repo, "/home/you/app").replaceAll(home, "/home/you").replaceAll(dirname(home), "/tmp");

function jsonLines(text: string, place: Place): string {
  return scrubbed(text, place).split("\n").map((line) => (line === "" ? "" : JSON.stringify(shortened(JSON.parse(line))))).join("\n");
}

type Client = "codex" | "gemini" | "opencode";

const RECORD: Readonly<Record<Client, (place: Place, binary: string, folder: string, until: (done: () => void) => void) => Promise<void>>> = {
  async codex(place, binary, folder, until) {
    await workInCodex(place, binary, until);
    const sessions = join(place.home, ".codex/sessions");
    for (const name of readdirSync(sessions, { recursive: true, encoding: "utf8" }).filter((each) => each.endsWith(".jsonl"))) {
      mkdirSync(dirname(join(folder, "sessions", name)), { recursive: true });
      // A fork says how many bytes of the other file it goes on from.
      writeFileSync(join(folder, "sessions", name), rebased(sessions, jsonLines(readFileSync(join(sessions, name), "utf8"), place), place));
    }
  },
  async gemini(place, binary, folder, until) {
    await workInGemini(place, binary, until);
    const tmp = join(place.home, ".gemini/tmp");
    for (const name of readdirSync(tmp, { recursive: true, encoding: "utf8" }).filter((each) => /\.jsonl$|\.project_root$/.test(each))) {
      const text = readFileSync(join(tmp, name), "utf8");
      mkdirSync(dirname(join(folder, "tmp", name)), { recursive: true });
      writeFileSync(join(folder, "tmp", name), name.endsWith(".jsonl") ? jsonLines(text, place) : scrubbed(text, place));
    }
  },
  async opencode(place, binary, folder, until) {
    const { session } = await workInOpencode(place, binary, until);
    const { out } = await place.run(binary, ["export", session]);
    writeFileSync(join(folder, `${session}.json`), `${scrubbed(JSON.stringify(shortened(JSON.parse(out)), undefined, 1), place)}\n`);
    // A database is not a thing to read in a review: its tables as text, which the tests make one of again.
    const database = openDatabase(join(place.home, ".local/share/opencode/opencode.db"));
    const tables = ["project", "session", "message", "part"];
    const schema = tables.map((name) => String(database.prepare("SELECT sql FROM sqlite_master WHERE name = ?").get(name)!["sql"]));
    const rows = tables.map((name) => [name, database.prepare(`SELECT * FROM ${name}`).all().map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, cut(value)])))]);
    database.close();
    writeFileSync(join(folder, "opencode.db.json"), `${scrubbed(JSON.stringify({ schema, rows: Object.fromEntries(rows) }, undefined, 1), place)}\n`);
  },
};

/** A column may hold JSON of its own. */
function cut(value: unknown): unknown {
  if (typeof value !== "string" || value.length <= LONGEST) return value;
  return value.startsWith("{") ? JSON.stringify(shortened(JSON.parse(value))) : shortened(value);
}

function rebased(sessions: string, lines: string, place: Place): string {
  return lines.replace(/"thread_id":"([0-9a-f-]+)","end_ordinal_exclusive":(\d+),"end_byte_offset":(\d+)/, (_, thread: string, ordinal: string, bytes: string) => {
    const name = readdirSync(sessions, { recursive: true, encoding: "utf8" }).find((each) => each.endsWith(`${thread}.jsonl`))!;
    const before = jsonLines(readFileSync(join(sessions, name)).subarray(0, Number(bytes)).toString("utf8"), place);
    return `"thread_id":"${thread}","end_ordinal_exclusive":${ordinal},"end_byte_offset":${Buffer.byteLength(before)}`;
  });
}

const wanted = process.argv.slice(2);
for (const name of Object.keys(RECORD) as Client[]) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const { binary, missing } = await other(name);
  if (missing !== undefined) throw new Error(missing);
  const version = OTHERS[name].split("@").at(-1)!;
  const folder = join("test/fixtures", name, version);
  const ends: (() => void)[] = [];
  const until = (end: () => void): void => void ends.push(end);
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await RECORD[name](await someplace(until), binary, folder, until);
    console.log(`wrote ${folder}`);
  } finally {
    for (const end of ends) end();
  }
}
