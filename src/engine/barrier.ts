/**
 * What stands between a tool and the files: the hook before a call that waits, and the one who lets it go on. The hook's
 * shell line puts a mark beside its payload and waits until the mark is gone, two seconds at most (agents/claude-code/
 * hook-lines.ts); here its payload is read as soon as it is there, the trees are told, and the mark is taken away.
 *
 * An engine serves the hooks of its own client: both are its children, so the client's process id in the payload's name says
 * whose it is. That an engine is there at all is said by a file named after both. No socket: waking by a file takes 1 to 2 ms,
 * needs no program in the hook, and a hook cannot hang on an engine that died.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync, type FSWatcher } from "node:fs";
import { join } from "node:path";
import { told, type Told } from "../agents/claude-code/calls.ts";
import { barrierFolder, spoolFolder } from "../operations/spool.ts";

export interface BarrierOptions {
  readonly home: string;
  /** The agent's process, whose hooks are served. */
  readonly client: number;
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
  /** Does what has to be done before the call may go on. */
  readonly serve: (told: Told, time: number) => Promise<unknown>;
  readonly onTrouble: (error: unknown) => void;
}

export class Barrier {
  readonly #options: BarrierOptions;
  readonly #presence: string;
  readonly #spool: string;
  readonly #marks: string;
  readonly #handled = new Set<string>();
  #watch: FSWatcher | undefined;
  /** One at a time, in the order in which they were said. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: BarrierOptions) {
    this.#options = options;
    this.#spool = spoolFolder(options.home);
    this.#marks = barrierFolder(options.home);
    this.#presence = join(this.#marks, `${options.client}-${options.pid}`);
  }

  open(): void {
    for (const folder of [this.#spool, this.#marks]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#sweep();
    this.#watch = watch(this.#spool, { persistent: false }, (_, name) => {
      if (name !== null) this.#see(name);
    });
    // The next look at the spool finds what a watch that broke does not tell.
    this.#watch.on("error", () => undefined);
    writeFileSync(this.#presence, "", { mode: 0o600 });
    this.poll();
  }

  /** What no watch has told of, and marks that nobody will take away. */
  poll(): void {
    const names = new Set(namesIn(this.#spool));
    for (const name of this.#handled) if (!names.has(name)) this.#handled.delete(name);
    const unseen = [...names].filter((name) => name.startsWith(`${this.#options.client}-`) && !this.#handled.has(name));
    for (const name of inOrder(this.#spool, unseen)) this.#see(name);
    // A hook whose payload could not be written, or was taken in by another process, waits for nothing.
    const own = `w-${this.#options.client}-`;
    for (const mark of namesIn(this.#marks)) if (mark.startsWith(own) && !names.has(`${mark.slice(2)}.json`)) rmSync(join(this.#marks, mark), { force: true });
  }

  /** Whether the hooks of this client are served, by this engine or by another. */
  serves(client: number): boolean {
    return client === this.#options.client || namesIn(this.#marks).some((name) => name.startsWith(`${client}-`) && this.#options.isAlive(Number(name.split("-")[1])));
  }

  /** From now on hooks do without this engine; those that wait are let go. */
  withdraw(): void {
    rmSync(this.#presence, { force: true });
    for (const mark of namesIn(this.#marks)) if (mark.startsWith(`w-${this.#options.client}-`)) rmSync(join(this.#marks, mark), { force: true });
  }

  /** Resolves when all that was said so far is done. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  async close(): Promise<void> {
    rmSync(this.#presence, { force: true });
    this.#watch?.close();
    this.poll();
    await this.#queue;
    this.withdraw();
  }

  #see(name: string): void {
    if (!name.startsWith(`${this.#options.client}-`) || !name.endsWith(".json") || this.#handled.has(name)) return;
    const path = join(this.#spool, name);
    let [text, time] = ["", 0];
    try {
      text = readFileSync(path, "utf8");
      time = Math.floor(statSync(path).mtimeMs);
    } catch {
      // Taken in by another process.
      return;
    }
    let payload: unknown;
    try {
      payload = JSON.parse(text);
    } catch {
      // Still being written: the next word of the watch comes when more of it is there.
      return;
    }
    this.#handled.add(name);
    const what = told(payload);
    const mark = join(this.#marks, `w-${name.slice(0, -".json".length)}`);
    if (what === undefined) {
      rmSync(mark, { force: true });
      return;
    }
    this.#queue = this.#queue.then(async () => {
      try {
        await this.#options.serve(what, time);
      } catch (error) {
        this.#options.onTrouble(error);
      } finally {
        rmSync(mark, { force: true });
      }
    });
  }

  /** Of engines that were killed, and of hooks that have long gone on. */
  #sweep(): void {
    for (const name of namesIn(this.#marks)) {
      const pid = Number(/^(?:w-)?(\d+)-/.exec(name)?.[1] ?? 0);
      const engine = name.startsWith("w-") ? pid : Number(name.split("-")[1]);
      if (pid === 0 || !this.#options.isAlive(pid) || !this.#options.isAlive(engine)) rmSync(join(this.#marks, name), { force: true });
    }
  }
}

/** By when they were written. */
function inOrder(folder: string, names: readonly string[]): string[] {
  const time = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return names.map((name) => ({ name, at: time(name) })).sort((a, b) => a.at - b.at).map(({ name }) => name);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there yet, or no longer: then there is nothing to see.
    return [];
  }
}
