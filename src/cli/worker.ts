/**
 * The engine's second thread: looks after the trees (engine/trees.ts) while the first one takes in what hooks say. Started
 * from the same file as the command line; asked by messages, answers each with its number.
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Told } from "../agents/claude-code/calls.ts";
import { Trees, type Served } from "../engine/trees.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { userHome } from "./environment.ts";
import { tidying } from "./attending.ts";
import { isAlive } from "./processes.ts";

interface Request {
  readonly n: number;
  readonly told?: Told;
  readonly time?: number;
  readonly afterwards?: boolean;
}

interface Reply {
  readonly n: number;
  readonly served?: Served;
  readonly error?: string;
}

/** Of what nobody asked for, so that there is nobody to be answered. */
interface Trouble {
  readonly trouble: string;
}

/** How often it is seen to what was touched between calls, in milliseconds. */
const ROUND = 200;

/** How often a session that goes on for days keeps the checkpoints within their bounds, in milliseconds; each that ends does. */
const TIDY = 3 * 3_600_000;

/**
 * What lstat gives is garbage at once, in 94,000 portions of a kilobyte: a first look with 16 MB of room for it came to 175 MB,
 * and with 6 to 130, in no more time.
 */
const MEMORY = { maxYoungGenerationSizeMb: 6 };

export interface TreesThread {
  readonly take: (told: Told, time: number, afterwards?: boolean) => Promise<Served>;
  readonly close: () => Promise<void>;
}

interface ThreadOptions {
  readonly home: string;
  /** What is run: the same that runs the command line. */
  readonly file: string;
  /** From now on nobody looks after anything. */
  readonly onEnd: (error: Error) => void;
  /** What went wrong between the calls, once for each thing that did; it is tried again all the same. */
  readonly onTrouble: (error: Error) => void;
}

export function startTreesThread({ home, file, onEnd, onTrouble }: ThreadOptions): TreesThread {
  const worker = new Worker(file, { workerData: { home }, resourceLimits: MEMORY, stdout: false, stderr: false });
  worker.unref();
  const waiting = new Map<number, { resolve: (served: Served) => void; reject: (error: Error) => void }>();
  let n = 0;
  let ended: Error | undefined;
  worker.on("message", (said: Reply | Trouble) => {
    if ("trouble" in said) return onTrouble(new Error(said.trouble));
    const { n: which, served, error } = said;
    const asked = waiting.get(which);
    waiting.delete(which);
    if (served !== undefined) asked?.resolve(served);
    else asked?.reject(new Error(error));
  });
  const end = (error: Error): void => {
    if (ended === undefined) onEnd(error);
    ended ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("error", end);
  worker.on("exit", () => end(new Error("the thread that looks after the trees has ended")));
  const ask = (request: Omit<Request, "n">): Promise<Served> =>
    ended !== undefined ? Promise.reject(ended) : new Promise((resolve, reject) => {
      n += 1;
      waiting.set(n, { resolve, reject });
      worker.postMessage({ n, ...request } satisfies Request);
    });
  return { take: (told, time, afterwards = false) => ask({ told, time, afterwards }), close: async () => {
    await ask({}).catch(() => undefined);
    // That it ends now is no news.
    ended ??= new Error("it was closed");
    await worker.terminate();
  } };
}

/** What the thread itself does. */
export function runTreesThread(): void {
  if (isMainThread || parentPort === null) throw new Error("not a thread");
  const port = parentPort;
  const { home } = workerData as { home: string };
  const trees = new Trees({ client: process.ppid, open: () => openCheckpointStore(home), home, userHome: userHome(), environment: process.env, clock: Date.now, pid: process.pid, isAlive });
  // One thing at a time: a look is not to begin while a request waits for its watches.
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => T | Promise<T>): Promise<T> => {
    const done = queue.then(work);
    queue = done.catch(() => undefined);
    return done;
  };
  // What fails each round fails five times a second.
  const said = new Set<string>();
  const trouble = (error: unknown): void => {
    const { message } = error as Error;
    if (said.has(message)) return;
    said.add(message);
    port.postMessage({ trouble: message } satisfies Trouble);
  };
  const tidy = setInterval(() => void tidyInTurns(home, inTurn).catch(trouble), TIDY);
  const round = setInterval(() => void inTurn(() => trees.rest()).catch(trouble), ROUND);
  port.on("message", ({ n, told, time, afterwards }: Request) => {
    void inTurn(async () => {
      try {
        if (told !== undefined && time !== undefined) return port.postMessage({ n, served: await trees.take(told, time, afterwards) } satisfies Reply);
        clearInterval(round);
        clearInterval(tidy);
        trees.close();
        port.postMessage({ n, served: { sealed: 0, ms: 0 } } satisfies Reply);
      } catch (error) {
        port.postMessage({ n, error: (error as Error).message } satisfies Reply);
      }
    });
  });
}

/** Slice by slice, so that no call waits for it. */
async function tidyInTurns(home: string, inTurn: <T>(work: () => T) => Promise<T>): Promise<void> {
  const store = openCheckpointStore(home);
  try {
    const slices = tidying(store, home, process.env);
    while (!(await inTurn(() => slices.next().done === true)));
  } finally {
    store.close();
  }
}
