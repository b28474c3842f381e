/** `tidemark remember`: keeps one statement beyond the session. */
import { clip } from "../../base/text.ts";
import { scopeName } from "../../memory/statement.ts";
import { placeOf } from "../../operations/recall-memories.ts";
import { rememberHere } from "../../operations/remember.ts";
import type { CommandSpec } from "../command.ts";
import { memoryJson } from "../memories.ts";
import { time } from "../options.ts";

export const command: CommandSpec = {
  args: "<text...>",
  options: [
    { flags: "--key <name>", text: "what it is about: a later statement with the same key and scope takes its place" },
    { flags: "--kind <kind>", text: "constraint, decision, procedural, semantic, episodic or working; told from the words if not given" },
    { flags: "--scope <scope>", text: 'user, team, project, branch, "branch NAME" or "path PATH"', default: "project" },
    { flags: "--since <time>", text: "since when it holds, as a date or an age such as 7d; now if not given" },
  ],
  help: `
Remember one statement

It is kept beyond the session, for this project or another scope, and counts at once, since you say it. Files, names,
commands and dependencies that it names are looked up in the tree, and again whenever it is recalled: what has changed
since is said to be so. Put names and commands in backticks.

A statement with a key takes the place of the one that had the key; nothing is deleted (tidemark memory history KEY).
Secrets are taken out before it is stored. It can be taken back: tidemark memory revert PASS.`,
  run: async ({ args, options }, { terminal, store, cwd, environment, now }) => {
    const here = await placeOf(cwd, environment);
    const { key, kind, scope } = options;
    const since = time(options["since"], "--since", now);
    const said = { text: args.join(" "), by: "user" as const, scope: String(scope), ...(typeof key === "string" ? { key } : {}), ...(typeof kind === "string" ? { kind } : {}), ...(since === undefined ? {} : { since }) };
    const { memory, outcome, superseded, opposite, cleaned, redacted, pass, check, why, named } = await rememberHere(await store(), said, here, now);
    if (cleaned) terminal.warn("characters that a terminal would obey, or that cannot be seen, were taken out");
    for (const [family, count] of Object.entries(redacted)) terminal.warn(`a secret was taken out before storing: ${family} ${count}`);
    for (const other of opposite) terminal.warn(`${other.id} says the opposite, and both are kept: ${clip(other.statement, 120)} (tidemark memory supersede ${other.id} ${memory.id} ends it)`);
    const data = { ...memoryJson({ memory, score: 0, check, why }), outcome, pass: pass ?? null, superseded: superseded?.id ?? null, opposite: opposite.map(({ id }) => id) };
    terminal.answer(data, () => {
      terminal.line(`${outcome === "known" ? "Known already" : outcome === "merged" ? "Said in other words already" : "Remembered"}: ${terminal.style("cyan", memory.id)}  ${clip(memory.statement, 200)}`);
      terminal.line(terminal.style("dim", `  ${memory.kind} · ${scopeName(memory.scope)}${memory.key.startsWith("says:") ? "" : ` · ${memory.key}`}${named ? ` · ${check} in this tree` : ""}`));
      if (superseded !== undefined) terminal.line(`  It takes the place of ${superseded.id}: ${clip(superseded.statement, 160)}`);
      if (pass !== undefined) terminal.line(terminal.style("dim", `  To take it back: tidemark memory revert ${pass.replace("memory:", "")}`));
    });
    return 0;
  },
};
