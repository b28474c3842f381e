// `npm start`: imports every session that agents have left on this machine and prints what is safe now and the brief of
// the latest one. Where no agent has run, the recorded sessions in examples/ go into a scratch home, so that there is
// something to look at; the real state folder is not touched then.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../dist/tidemark.js", import.meta.url));
const config = process.env.CLAUDE_CONFIG_DIR || join(homedir(), ".claude");
const examples = fileURLToPath(new URL("../examples/claude-config", import.meta.url));

const own = hasTranscripts(join(config, "projects"));
const environment = { ...process.env };
if (!own) {
  console.log(`No transcripts below ${config}: showing the recorded sessions of examples/ from a scratch home.\n`);
  environment.CLAUDE_CONFIG_DIR = examples;
  environment.TIDEMARK_HOME = join(tmpdir(), `tidemark-example-${userInfo().username}`);
}
run("import");
console.log();
run("sessions", "--limit", "8");
const latest = JSON.parse(spawnSync(process.execPath, [cli, "sessions", "--limit", "1", "--json"], { env: environment, encoding: "utf8" }).stdout).data[0];
if (latest !== undefined) {
  console.log();
  run("resume", latest.id);
}
console.log(`\nNext: ${own ? "" : `TIDEMARK_HOME=${environment.TIDEMARK_HOME} `}node dist/tidemark.js search "words to find"`);

function run(...args) {
  const { status, error } = spawnSync(process.execPath, [cli, ...args], { env: environment, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 70);
}

function hasTranscripts(folder) {
  try {
    return readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(".jsonl"));
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
}
