/**
 * A process of its own that works on a real store, started by the damage tests: `node writer.mjs JOB FOLDER ARGS…`.
 * It says each thing it has done in one line of JSON, written before the next thing begins; what it said it did must
 * never be lost, whatever happens to it.
 */
import { rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TidemarkError } from "../../src/base/errors.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { batchOf, randomFrom } from "./batches.ts";
import { ended, prompt } from "../builders.ts";
import type { Event } from "../../src/event/schema.ts";

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const JOBS: Record<string, (folder: string, ...args: string[]) => Promise<void>> = {
  /** Opens the store at a moment given, so that several processes do so together. */
  async open(folder, at) {
    await sleep(Number(at) - Date.now());
    const store = await openSqliteStore(folder);
    await store.append([prompt("hello", { id: String(process.pid) })]);
    await store.close();
    say({ opened: true });
  },

  /** Appends batches until it is killed, and now and then erases an event it had appended. */
  async endless(folder, writer = "", seed = "", first = "") {
    const store = await openSqliteStore(folder);
    const random = randomFrom(Number(seed));
    for (let n = Number(first); ; n++) {
      const batch = batchOf(writer, Number(seed), n);
      await store.append(batch);
      say({ appended: n });
      if (random() > 0.1) continue;
      const { id } = batch[Math.floor(random() * batch.length)]!;
      if (id.endsWith(":started")) continue;
      say({ erasing: id });
      await store.erase([id]);
      say({ erased: id });
    }
  },

  /** Appends some batches of its own and, between them, events that every other process appends too. */
  async some(folder, writer = "", seed = "", count = "", at = "") {
    await sleep(Number(at) - Date.now());
    const store = await openSqliteStore(folder);
    let added = 0;
    for (let n = 0; n < Number(count); n++) {
      added += (await store.append(batchOf(writer, Number(seed), n))).added;
      added += (await store.append([prompt(`common ${n}`, { id: `common:${n}`, session: "common" })])).added;
      if (n % 10 === 5) await store.erase([`${writer}:${n}:0`]);
    }
    await store.close();
    say({ added });
  },

  /** Appends a long text that others append and erase at the same time, looks whether it is there, and erases it. */
  async same(folder, writer = "", count = "", at = "") {
    await sleep(Number(at) - Date.now());
    const store = await openSqliteStore(folder);
    let missing = 0;
    for (let n = 0; n < Number(count); n++) {
      const event = ended("the same long text ".repeat(500), { id: `${writer}:${n}` });
      await store.append([event]);
      const [stored] = await store.get([event.id]);
      if (JSON.stringify(stored?.event.payload) !== JSON.stringify(event.payload)) missing += 1;
      await store.erase([event.id]);
    }
    await store.close();
    say({ missing });
  },

  /** Appends until the disk is full, makes room, and goes on: first with the same handle, then with a new one. */
  async full(folder) {
    const ballast = join(folder, "..", "ballast");
    writeFileSync(ballast, Buffer.alloc(600_000, 1));
    let store = await openSqliteStore(folder);
    const acknowledged: string[] = [];
    const fill = async (make: (n: number) => Event[]): Promise<string> => {
      for (let n = 0; n < 100_000; n++) {
        const events = make(n);
        try {
          await store.append(events);
        } catch (error) {
          return codeOf(error);
        }
        acknowledged.push(...events.map(({ id }) => id));
      }
      return "never";
    };
    const check = async (): Promise<object> => ({
      lost: acknowledged.length - (await store.known(acknowledged)).size,
      extra: (await store.head()).position - acknowledged.length,
      problems: [...(await store.check()), ...(await store.checkIndex())],
    });
    const text = (n: number): string => `${n} ${Array.from({ length: 700 }, (_, i) => Math.sin(n * 1000 + i).toString(36)).join(" ")}`;

    say({ filling: "short texts", error: await fill((n) => [prompt(text(n).slice(0, 3000)), prompt(`small ${n}`)]), again: await store.append([prompt(`${text(1).slice(0, 3000)} once more`), prompt("too much")]).then(() => "taken", codeOf) });
    // Once reading needs no space it must work on the full disk, with this handle and with a new one.
    say({ full: await check() });
    say({ opening: await openSqliteStore(join(folder, "..", "another")).then(() => "opened", codeOf) });
    rmSync(join(folder, "..", "another"), { recursive: true, force: true });
    rmSync(ballast);
    const afterwards = prompt("there is room again");
    await store.append([afterwards]);
    acknowledged.push(afterwards.id);
    say({ freed: await check() });
    say({ filling: "long texts", error: await fill((n) => [ended(text(n + 1_000_000))]) });
    await store.close();
    store = await openSqliteStore(folder);
    say({ reopened: await check(), acknowledged: acknowledged.length });
    await store.close();
  },
};

function codeOf(error: unknown): string {
  if (error instanceof TidemarkError) return error.code;
  throw error;
}

const [job = "", folder = "", ...args] = process.argv.slice(2);
await JOBS[job]!(folder, ...args);
