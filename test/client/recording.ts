/**
 * `npm run recording`: makes docs/recording.md from a real run. The real client works in a terminal against a model on
 * loopback that says what is written here; it is killed in the middle; the next one is started. Screens, outputs and the
 * brief are what they were; only the paths of the scratch folders are replaced, and empty lines left out.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import { ALLOWED, clients, world, type World } from "./client.ts";
import { call, say, story } from "./model.ts";
import { injected, settled, tidemark } from "./tidemark.ts";
import { noTerminal, type Tui } from "./tui.ts";

const missing = noTerminal();
const client = (await clients()).findLast((each) => "binary" in each);
if (missing !== undefined || client === undefined || !("binary" in client)) throw new Error(`no recording: ${missing ?? "the real client cannot be installed"}`);

const ends: (() => Promise<void>)[] = [];
const parts: string[] = [];
try {
  await record(await world(client, (end) => void ends.push(end)));
} finally {
  for (const end of ends) await end();
}
writeFileSync("docs/recording.md", `${parts.join("\n\n")}\n`);
console.log("wrote docs/recording.md");

async function record(w: World): Promise<void> {
  const plain = (text: string): string =>
    // What was cut in the middle of a path cannot be replaced any more.
    text.replace(/'\/[\w./-]*…$/gm, "'…").replaceAll(join(w.repo), "/home/you/app").replaceAll(w.config, "/home/you/.claude").replaceAll(w.state, "/home/you/.local/state/tidemark").replaceAll(process.cwd(), "/usr/lib/node_modules/tidemark").replaceAll(w.root, "/home/you");
  const block = (text: string): void => void parts.push(`\`\`\`\n${plain(text).split("\n").map((line) => line.trimEnd()).filter((line) => line !== "").map((line) => (line.length > 160 ? `${line.slice(0, 159)}…` : line)).join("\n")}\n\`\`\``);
  const shell = async (args: readonly string[]): Promise<void> => block(`$ tidemark ${args.join(" ")}\n${await tidemark(w, args)}`);
  const screen = async (t: Tui): Promise<void> => block(`$ claude\n${(await t.screen()).split("\n").map((line) => line.replace(/ *│.*$/, "").replace(/─{60,}.*$/, "─".repeat(60))).join("\n")}`);

  parts.push(`# Install, work, crash, go on\n\nA recording from a run of the real client (Claude Code ${w.version}) against a model on loopback. Made by \`npm run recording\`.`);
  parts.push("## Once");
  block(`$ tidemark init\n${await tidemark(w, ["init", "--force"])}`);

  parts.push("## A session works");
  w.model.script(story(
    call("Read", { file_path: join(w.repo, "notes.txt") }),
    call("Edit", { file_path: join(w.repo, "notes.txt"), old_string: "two", new_string: "retryBudget = 3" }),
    call("Bash", { command: "npm run check", description: "Run the check" }),
    say("The check fails because package.json has no such script. I decided to keep retryBudget at 3 because the queue needs a bound. We tried npm run check, which failed."),
    call("Bash", { command: "timeout 60 tail -f /dev/null", description: "Wait for the deploy" }),
    say("Never said."),
  ));
  const one = await w.tui(ALLOWED);
  await one.waitFor("❯");
  await one.send("Add a retry budget to the notes and never touch inner.txt");
  await w.model.reached("main", 4);
  await pause(2500);
  await screen(one);

  parts.push("## It is killed in the middle of the next step");
  await one.send("Now wait for the deploy");
  await w.model.reached("main", 5);
  await pause(2500);
  one.kill("SIGKILL");
  block("$ kill -9 $(pgrep claude)");
  await settled(w);
  await shell([]);

  parts.push("## The next session knows");
  w.model.script(story(say("The deploy was being waited for; retryBudget stays at 3. I go on from there.")));
  const two = await w.tui(ALLOWED);
  await two.waitFor("❯");
  await two.send("Go on");
  const asked = await w.model.reached("main", 1);
  await two.waitFor("I go on from there");
  await screen(two);
  parts.push("This is what it was given, in its first request:");
  block(injected(asked));
  await two.send("/exit");
  await two.gone();
  await settled(w);

  parts.push("## Afterwards");
  await shell(["sessions"]);
  await shell(["uninstall"]);
}
