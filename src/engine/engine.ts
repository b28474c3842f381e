/**
 * The resident process: started by an agent's session and gone with it. One engine per tree leads: it takes in what
 * hooks leave in the spool and follows the transcripts of the sessions there. The others wait to take over.
 *
 * Losing it costs time and nothing else: the spool keeps what hooks leave, and the next engine, session start or
 * `tidemark drain` takes it in. Leaves out the protocol that its client speaks (mcp/).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { logCheckpoints } from "../operations/checkpoint-log.ts";
import type { Drain } from "../operations/drain.ts";
import { endToldCalls } from "../operations/told-ends.ts";
import { PAGE } from "../operations/passages.ts";
import { refreshSummaries } from "../operations/sessions.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Leases, Store } from "../store/store.ts";

interface Parts {
  readonly store: Store;
  readonly drain: Drain;
  /** What was kept of the files, to be told to the log. */
  readonly checkpoints?: CheckpointStore;
  /** Brings the file of a session up to date (operations/session-file.ts); says what is wrong with it, if anything. */
  readonly keepSession?: (tree: string, session: string) => Promise<string | undefined>;
}

export interface EngineOptions {
  /** Opened when it is first needed; asked again where that failed. */
  readonly open: () => Promise<Parts>;
  /** The tree it works for. */
  readonly root: string;
  readonly pid: number;
  readonly clock: () => number;
  readonly isAlive: (pid: number) => boolean;
  /** Ends it. The reason "asked" is the client taking leave: its SessionEnd hook starts a drain that waits for the transcript. */
  readonly signal: AbortSignal;
  /** Serves the hooks of the client that wait, and looks after the files; absent where that could not be begun. */
  readonly barrier?: { readonly poll: () => void; readonly close: () => Promise<void> };
  /** What went wrong and was gone on after; the next round tries again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Between two looks, in milliseconds: while something happens, and while nothing does. */
const BUSY = 250;
const IDLE = 1000;
/** Looks without news until it is idle. */
const PATIENCE = 20;

/** How long the transcript may take to tell what a hook told. */
export const GRACE = 1000;

/** A payload is left where it is for so long, in milliseconds: the engine of the client that it is of, another perhaps, has to see it. */
const UNSEEN = 300;

/** The file of a session is brought up to date so often at most, in milliseconds. */
const SESSION_FILE_EVERY = 4000;

const LEASE = 15_000;
const RENEW = 5000;

export function leaseName(root: string): string {
  return `engine:${root}`;
}

export async function runEngine(options: EngineOptions): Promise<void> {
  const engine = new Engine(options);
  let quiet = 0;
  while (!options.signal.aborted) {
    try {
      quiet = (await engine.look()) ? 0 : quiet + 1;
    } catch (error) {
      // A full disk or a locked store passes; the hooks go on filling the spool meanwhile.
      options.onTrouble(error);
      quiet = PATIENCE;
    }
    await sleep(quiet < PATIENCE ? BUSY : IDLE, undefined, { signal: options.signal }).catch(() => undefined);
  }
  await engine.end();
}

class Engine {
  readonly #options: EngineOptions;
  #parts: Parts | undefined;
  #renewAt = 0;
  #leads = false;
  /** Sessions heard of since their files were written, each with its tree. */
  readonly #heard = new Map<string, string>();
  #keptAt = 0;
  #wrong = "";

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** True where there was something to do. */
  async look(): Promise<boolean> {
    const { open, clock, root } = this.#options;
    const { store, drain, checkpoints } = (this.#parts ??= await open());
    const now = clock();
    if (!this.#leads || now >= this.#renewAt) {
      this.#leads = await lead(store, this.#options);
      this.#renewAt = now + RENEW;
    }
    // Before anything is taken in: what leaves the spool unseen would be a call that nobody attended.
    this.#options.barrier?.poll();
    if (!this.#leads) return false;
    const { taken, waiting, damaged, grown, sessions } = await drain.round({ now, grace: GRACE, root, age: UNSEEN });
    for (const [session, tree] of sessions) this.#heard.set(session, tree);
    if (checkpoints !== undefined && taken > 0) await logCheckpoints(store, checkpoints);
    if (checkpoints !== undefined && grown) await endToldCalls(store, checkpoints, root);
    // Folding anew while an answer streams in would be work for nothing: the list is brought up to date when it is quiet.
    if (taken + damaged > 0 && waiting === 0) {
      await refreshSummaries(store);
      // One page: of a log that was there before, the rest is taken in by an import or the first question.
      await store.takePassages(PAGE);
    }
    if (waiting === 0 && now - this.#keptAt >= SESSION_FILE_EVERY) await this.#keepSessions(now);
    return taken + waiting + damaged > 0 || grown;
  }

  async #keepSessions(now: number): Promise<void> {
    const { keepSession } = this.#parts!;
    if (keepSession === undefined || this.#heard.size === 0) return;
    this.#keptAt = now;
    for (const [session, tree] of this.#heard) {
      const wrong = (await keepSession(tree, session)) ?? "";
      this.#heard.delete(session);
      // It stays wrong until someone mends it: that is said once.
      if (wrong !== "" && wrong !== this.#wrong) this.#options.onTrouble(new Error(wrong));
      this.#wrong = wrong;
    }
  }

  /** The client allows about 300 ms: what is not done by then the next one does. */
  async end(): Promise<void> {
    await this.#options.barrier?.close().catch((error: unknown) => this.#options.onTrouble(error));
    if (this.#parts === undefined) return;
    const { store, drain } = this.#parts;
    try {
      if (this.#leads) {
        const { clock, root, signal } = this.#options;
        // A client that takes leave calls SessionEnd now, and the drain that this starts waits for the transcript's last lines.
        if (signal.reason !== "asked") await drain.round({ now: clock(), grace: 0, root });
        await drain.close();
        await refreshSummaries(store);
        await store.release(leaseName(root), holder(this.#options.pid));
      }
    } catch (error) {
      this.#options.onTrouble(error);
    } finally {
      this.#parts.checkpoints?.close();
      await store.close();
    }
  }
}

function holder(pid: number): string {
  return String(pid);
}

/** A leader that was killed is not waited for: its process is looked for. */
async function lead(store: Leases, { root, pid, clock, isAlive }: EngineOptions): Promise<boolean> {
  const name = leaseName(root);
  const own = holder(pid);
  const ask = async (): Promise<string> => store.lease(name, own, clock(), clock() + LEASE);
  let now = await ask();
  if (now !== own && !isAlive(Number(now))) {
    await store.release(name, now);
    now = await ask();
  }
  return now === own;
}
