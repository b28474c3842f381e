/**
 * Lets something happen at the nth time that this process is about to change a file: of what imports node:fs by name, and of
 * a store. For the fuzzer, in its own process (a person who writes meanwhile) and in a child (being killed there).
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { CheckpointStore } from "../../src/store/checkpoints.ts";

/** Each of them changes something, or may; `openSync` counts where it writes. */
const CHANGING = ["renameSync", "linkSync", "unlinkSync", "symlinkSync", "writeFileSync", "appendFileSync", "mkdirSync", "rmdirSync", "rmSync", "chmodSync", "fchmodSync", "fsyncSync", "copyFileSync", "openSync"] as const;
const STORE = ["put", "putFile", "content", "seal", "sync", "callBegan", "callEnded", "dropCalls", "calls", "changesAfter"] as const;

export interface Faults {
  /** From now on: `body` is called before each change, with its name, until it gives true. */
  arm(body: (name: string) => boolean): void;
  disarm(): void;
  wrap(store: CheckpointStore): CheckpointStore;
  remove(): void;
}

export function installFaults(): Faults {
  let armed: ((name: string) => boolean) | undefined;
  const moment = (name: string): void => {
    const body = armed;
    if (body === undefined) return;
    // What the body does itself is not a moment.
    armed = undefined;
    if (!body(name)) armed = body;
  };
  const open = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const before = CHANGING.map((name) => [name, open[name]!] as const);
  for (const [name, real] of before) {
    open[name] = (...args) => {
      if (name !== "openSync" || isWriting(args[1])) moment(name);
      return real(...args);
    };
  }
  syncBuiltinESMExports();
  return {
    arm: (body) => void (armed = body),
    disarm: () => void (armed = undefined),
    wrap: (store) =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name, target) as unknown;
          if (typeof value !== "function") return value;
          const method = value as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => {
            if ((STORE as readonly PropertyKey[]).includes(name)) moment(`store.${String(name)}`);
            return method.apply(target, args);
          };
        },
      }),
    remove: () => {
      for (const [name, real] of before) open[name] = real;
      syncBuiltinESMExports();
    },
  };
}

function isWriting(flags: unknown): boolean {
  return typeof flags === "string" ? flags !== "r" : typeof flags === "number" && (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0;
}
