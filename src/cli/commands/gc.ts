/** `tidemark gc`: keeps the checkpoints within their bounds. */
import { plural, printable } from "../../base/text.ts";
import { DEFAULT_RULES } from "../../checkpoint/retention.ts";
import { collectGarbage, type Collected } from "../../operations/checkpoint-gc.ts";
import { openCheckpointStore } from "../../store/sqlite/checkpoints.ts";
import type { CommandSpec, Context } from "../command.ts";
import { bytes } from "../format.ts";
import { count, size, time } from "../options.ts";
import { wrap } from "../terminal.ts";
import { hasCheckpoints, keeperOf } from "../trees.ts";

const DAY = 86_400_000;

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--max-bytes <size>", text: "of everything the checkpoints take on disk", default: bytes(DEFAULT_RULES.maxBytes).replace(/\.0 /, " ") },
    { flags: "--max-age <age>", text: "how old a checkpoint may get", default: `${DEFAULT_RULES.maxAge / DAY}d` },
    { flags: "--max-checkpoints <n>", text: "turns of each session that keep a checkpoint for every call; older turns keep their end", default: String(DEFAULT_RULES.maxCheckpoints) },
    { flags: "--dry-run", text: "say what would go and change nothing" },
  ],
  help: `
Drop checkpoints that are too old or too many, and tidy up

Of all trees. The oldest go first; what is pinned, the newest of each tree and the last turn of a session of today stay,
and with them all that came later in their tree. A tree can only be shortened from its old end. Then bytes that nothing
needs any more go, old versions are kept as differences, and what restores have put aside is removed, unless it was
written to since. It can be stopped at any time. Your files are not touched.

The data is {before: {bytes, contents, checkpoints}, after, freed, kept, dropped, merged, contents, packed, held: [{id,
tree, because}], asides: [{path, file, root}], dry_run}; held names what keeps a tree above its bounds.`,
  run: async ({ options }, context) => {
    const { home, terminal, environment } = context;
    const rules = {
      maxBytes: size(options["maxBytes"], "--max-bytes") ?? DEFAULT_RULES.maxBytes,
      maxAge: context.now - (time(options["maxAge"], "--max-age", context.now) ?? context.now - DEFAULT_RULES.maxAge),
      maxCheckpoints: count(options["maxCheckpoints"], "--max-checkpoints"),
    };
    if (!hasCheckpoints(home)) {
      const none = { bytes: 0, contents: 0, checkpoints: 0 };
      const nothing = { before: none, after: none, dropped: 0, merged: 0, contents: 0, packed: 0, held: [], asides: [] };
      terminal.answer(json(nothing, options["dryRun"] === true), () => terminal.line("No checkpoints are kept yet."));
      return 0;
    }
    const store = openCheckpointStore(home);
    try {
      const slices = collectGarbage({ store, home, rules, dryRun: options["dryRun"] === true, clock: Date.now, slice: 250, keeperOf: (root) => keeperOf(store, root, { home, environment }) });
      let step = slices.next();
      while (step.done !== true) {
        terminal.progress(step.value.label, step.value.done, step.value.total);
        step = slices.next();
      }
      const done = step.value;
      terminal.answer(json(done, options["dryRun"] === true), () => say(context, done, options["dryRun"] === true));
    } finally {
      store.close();
    }
    return 0;
  },
};

function json({ asides, ...done }: Collected, dryRun: boolean): Record<string, unknown> {
  return { ...done, freed: Math.max(0, done.before.bytes - done.after.bytes), kept: done.after.checkpoints - (dryRun ? done.dropped + done.merged : 0), asides, dry_run: dryRun };
}

function say({ terminal }: Context, { before, after, dropped, merged, contents, packed, held, asides }: Collected, dryRun: boolean): void {
  const did = [dropped > 0 ? `${dropped} dropped` : "", merged > 0 ? `${merged} merged into later ones` : ""].filter((part) => part !== "").join(", ");
  if (dryRun) {
    terminal.line(`${plural(before.checkpoints, "checkpoint")} in ${bytes(before.bytes)}. ${did === "" ? "None of them would go." : `Of them would be ${did}.`}`);
  } else {
    const freed = before.bytes - after.bytes;
    terminal.line(`${plural(after.checkpoints, "checkpoint")} kept in ${bytes(after.bytes)}${did === "" ? "" : `; ${did}`}.`);
    terminal.line(freed > 0 ? `${bytes(freed)} came free: ${plural(contents, "content")} went, ${packed} kept as differences.` : "Nothing came free.");
  }
  for (const { id, tree, because } of held) {
    for (const line of wrap(printable(`${tree} could not be made shorter: checkpoint ${id.slice(0, 8)} is ${WHY[because] ?? because}.`), terminal.width).split("\n")) terminal.line(terminal.style("yellow", line));
  }
  for (const { path, root, file } of asides) {
    for (const line of wrap(printable(`${path.toWellFormed()} in ${root} was written to after a restore took it out; that stays in ${file}`), terminal.width).split("\n")) terminal.line(terminal.style("yellow", line));
  }
}

const WHY: Readonly<Record<string, string>> = { pinned: "pinned", newest: "its newest", recent: "of a session that was at work today" };
