/** `tidemark remote`: the folder that checkpoints are copied to, how far the copying has come, and whether all is there. */
import { resolve } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { shellWord } from "../../base/shell.ts";
import { plural } from "../../base/text.ts";
import { syncCheckpoints } from "../../operations/keeper.ts";
import { checkRemote, copyOut, endRemote, nameRemote, openRemote } from "../../operations/remote.ts";
import { readRemote } from "../../operations/settings.ts";
import type { CheckpointStore } from "../../store/checkpoints.ts";
import type { Remote } from "../../store/remote.ts";
import { openCheckpointStore } from "../../store/sqlite/checkpoints.ts";
import { bytes as inBytes } from "../format.ts";
import type { CommandSpec, Context } from "../command.ts";
import { uniqueId } from "../trees.ts";

export const command: CommandSpec = {
  args: "[dir]",
  options: [
    { flags: "--off", text: "end the copying; what was copied stays where it is" },
    { flags: "--check", text: "read everything that was copied and compare it" },
  ],
  help: `
Copy checkpoints to a folder on another disk or machine

Off until you name a folder. From then on each checkpoint is copied there in the background while an agent's session
runs, and by this command, which goes on where the copying stopped and says how far it has come. Naming the same folder
again also mends what is damaged there.

Files in checkpoints are kept byte for byte, as they were: nothing is taken out of them, so secrets that stood in a file
stand in the copy, unencrypted. The folder is made for you alone (mode 0700), but whoever may read that disk can read it.
What you erase here with forget, or what retention drops, stays in the copy; delete it there.

It is a copy of what checkpoints hold, which is what changed, and not a backup of the whole tree.`,
  run: async ({ args, options }, context) => {
    const [dir] = args;
    const asked = [dir !== undefined, options["off"] === true, options["check"] === true].filter(Boolean).length;
    if (asked > 1) throw new TidemarkError("BAD_VALUE", "A folder, --off and --check are three things: give one of them", { hint: "tidemark remote --help" });
    if (dir === "") throw new TidemarkError("BAD_VALUE", "The name of the folder is empty", { hint: "tidemark remote --off ends the copying." });
    if (dir === undefined && readRemote(context.home)?.folder === undefined) return sayNone(context, options["check"] === true);
    const store = openCheckpointStore(context.home);
    try {
      if (options["off"] === true) return end(store, context);
      if (dir !== undefined) await nameRemote(resolve(context.cwd, dir), uniqueId(), { store, home: context.home, unique: String(process.pid) });
      return options["check"] === true ? await check(store, context) : await copy(store, context, dir !== undefined);
    } finally {
      store.close();
    }
  },
};

function sayNone({ terminal }: Context, check: boolean): number {
  if (check) throw new TidemarkError("REMOTE_NONE", "Checkpoints are not copied anywhere, so there is nothing to check");
  terminal.answer({ folder: null, checkpoints: 0, copied: 0, left: 0, missing: 0 }, () => {
    terminal.line("Checkpoints are kept on this machine alone. To have them copied to another disk or machine:");
    terminal.line("  tidemark remote DIR");
  });
  return 0;
}

function end(store: CheckpointStore, { terminal, home }: Context): number {
  const folder = endRemote({ store, home, unique: String(process.pid) })!;
  terminal.answer({ folder: null, was: folder, ...countOf(store), missing: 0 }, () => {
    terminal.line(`Nothing is copied to ${folder} any more. What is there stays until you delete it.`);
  });
  return 0;
}

async function copy(store: CheckpointStore, { terminal, home, environment }: Context, named: boolean): Promise<number> {
  syncCheckpoints(store);
  const { remote, folder } = (await openRemote(home))!;
  // What a process left half written that was killed, a day ago or longer.
  await remote.removeStray(Date.now() - DAY);
  const missing = await copyAll(store, remote, { environment, read: named }, (done, total) => terminal.progress(`${done} of ${plural(total, "checkpoint")}`, done, total));
  if (missing > 0) terminal.warn(`${plural(missing, "content")} of files could not be copied, since the bytes are no longer here; the copies name them`);
  const { checkpoints, copied, left } = countOf(store);
  terminal.answer({ folder, checkpoints, copied, left, missing }, () => {
    terminal.line(`${copied} of ${plural(checkpoints, "checkpoint")} ${copied === 1 ? "is" : "are"} copied to ${folder}.`);
    if (!named) return;
    terminal.line(terminal.style("dim", "New ones follow in the background. Files are in it as they were, secrets included."));
    terminal.line(terminal.style("dim", "To end it: tidemark remote --off"));
  });
  return 0;
}

const DAY = 86_400_000;

/** Gives how many contents were not to be had. */
async function copyAll(store: CheckpointStore, remote: Remote, options: { readonly environment: Context["environment"]; readonly read: boolean }, progress: (done: number, total: number) => void): Promise<number> {
  let [done, missing] = [0, 0];
  for (;;) {
    const slice = await copyOut(store, remote, { ...options, clock: () => performance.now(), ms: 500 });
    done += slice.copied;
    missing += slice.missing;
    if (slice.left === 0) return missing;
    progress(done, done + slice.left);
  }
}

async function check(store: CheckpointStore, { terminal, home }: Context): Promise<number> {
  const { remote, folder } = (await openRemote(home))!;
  const { checkpoints, contents, bytes, missing, problems } = await checkRemote(store, remote, (done, total) => terminal.progress(`${done} of ${plural(total, "checkpoint")}`, done, total));
  const data = { folder, ...countOf(store), missing, check: { checkpoints, contents, bytes, problems } };
  if (problems.length > 0) {
    if (!terminal.json) for (const { where, message } of problems.slice(0, SHOWN)) terminal.line(`${where}: ${message}`);
    if (!terminal.json && problems.length > SHOWN) terminal.line(`… and ${problems.length - SHOWN} more (--json lists all)`);
    terminal.fail(new TidemarkError("REMOTE_DAMAGED", `${plural(problems.length, "problem")} in ${folder}`, { hint: `tidemark remote ${shellWord(folder)} copies anew what is still kept here.` }), data);
    return 1;
  }
  terminal.answer(data, () => terminal.line(`All is there: ${plural(checkpoints, "checkpoint")} with ${plural(contents, "content")} of files, ${inBytes(bytes)}.`));
  return 0;
}

const SHOWN = 20;

function countOf(store: CheckpointStore): { checkpoints: number; copied: number; left: number } {
  const all = store.trees().flatMap((tree) => store.checkpoints(tree));
  const copied = all.filter(({ tier }) => tier === 3).length;
  return { checkpoints: all.length, copied, left: all.length - copied };
}
