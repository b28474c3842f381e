/**
 * What every store must do, in the five sentences of its ports: order, atomicity, repetition, absence, lifetime. Each
 * test works on a place that can be opened again and by several handles at once, and most do so.
 *
 * An exemption names a test, says why this store fails it, and fails itself as soon as the store no longer does.
 * Left out: what several processes do to each other, and damage (test/damage/).
 */
import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { answer, called, ended, event, forked, prompt, raw, returned, START, started, summary, trace } from "../../test/builders.ts";
import type { Event } from "../event/schema.ts";
import { LONG_TEXT } from "./encoding.ts";
import { recalling } from "./recall.suite.ts";
import { vectors } from "./vectors.suite.ts";
import type { Hit, SearchFilter, Store, Stored } from "./store.ts";

/** Where a store lives. Whatever was appended through one handle is there for the next. */
export interface Place {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

export type MakePlace = () => Promise<Place>;

export interface Exemption {
  readonly test: string;
  readonly because: string;
}

type Open = () => Promise<Store>;
type Check = (title: string, body: (open: Open) => Promise<void>) => void;

function describePort(name: string, makePlace: MakePlace, exemptions: readonly Exemption[], declare: (check: Check) => void): void {
  describe(name, () => {
    const unused = new Set(exemptions.map((exemption) => exemption.test));
    declare((title, body) => {
      const exempt = exemptions.find((exemption) => exemption.test === title);
      unused.delete(title);
      const run = exempt === undefined ? test : test.fails;
      run(exempt === undefined ? title : `${title} (exempt: ${exempt.because})`, () => withPlace(makePlace, body));
    });
    afterAll(() => expect([...unused], "exemptions of tests that do not exist").toEqual([]));
  });
}

async function withPlace(makePlace: MakePlace, body: (open: Open) => Promise<void>): Promise<void> {
  const place = await makePlace();
  const handles: Store[] = [];
  try {
    await body(async () => {
      const store = await place.open();
      handles.push(store);
      return store;
    });
  } finally {
    for (const store of handles) await store.close();
    await place.remove();
  }
}

const ids = (stored: readonly Stored[]): string[] => stored.map(({ event: { id } }) => id);
const positions = (stored: readonly Stored[]): number[] => stored.map(({ position }) => position);
const events = (stored: readonly Stored[]): Event[] => stored.map((one) => one.event);
const everything = (store: Store): Promise<Stored[]> => store.scan(0, 10_000);

/** An event that no store can write: JSON has no big integers. */
const unencodable = (): Event => raw({ big: 1n });
/** One that fails later, when the events before it in its batch may be half written. */
const shapeless = (): Event => ({ ...forked("s1", "s0", []), payload: { from: "s0", shared: 0 } }) as unknown as Event;

export function describeEventStore(name: string, makePlace: MakePlace, exemptions: readonly Exemption[] = []): void {
  describePort(`${name} as event store`, makePlace, exemptions, (check) => {
    order(check);
    atomicity(check);
    repetition(check);
    absence(check);
    lifetime(check);
    reading(check);
    forks(check);
    payloads(check);
    objects(check);
    erasing(check);
  });
}

function order(check: Check): void {
  check("positions count from 1 in the order of appending, whatever the clocks say", async (open) => {
    const store = await open();
    const batches = [[prompt("late", { time: START + 9000 }), prompt("early", { time: START })], [prompt("before 1970", { time: -5 })]];
    for (const batch of batches) await store.append(batch);
    const stored = await everything(await open());
    expect(events(stored)).toEqual(batches.flat());
    expect(positions(stored)).toEqual([1, 2, 3]);
  });

  check("append gives the position of the last event, which is the head", async (open) => {
    const store = await open();
    expect(await store.append([prompt("one"), prompt("two")])).toEqual({ position: 2, added: 2, duplicates: 0 });
    expect(await store.append([prompt("three")])).toEqual({ position: 3, added: 1, duplicates: 0 });
    expect((await store.head()).position).toBe(3);
  });

  check("every event moves the link of the head", async (open) => {
    const store = await open();
    const links = [(await store.head()).link];
    for (const text of ["same", "same", "same"]) {
      await store.append([prompt(text)]);
      links.push((await store.head()).link);
    }
    expect(new Set(links).size).toBe(4);
    for (const link of links) expect(link).toMatch(/^[0-9a-f]{64}$/);
  });
}

function atomicity(check: Check): void {
  for (const [how, bad] of [["cannot be encoded", unencodable], ["fails while the batch is written", shapeless]] as const) {
    check(`a batch with an event that ${how} stores nothing`, async (open) => {
      const store = await open();
      await store.append([prompt("before")]);
      const before = await store.head();
      await expect(store.append([prompt("one"), prompt("two", { session: "s2" }), bad(), prompt("three")])).rejects.toThrow();
      for (const handle of [store, await open()]) {
        expect(await everything(handle)).toHaveLength(1);
        expect(await handle.head()).toEqual(before);
        expect(await handle.heads()).toEqual(new Map([["s1", 1]]));
        expect(await handle.check()).toEqual([]);
        expect(await handle.checkIndex()).toEqual([]);
      }
    });

    check(`after a batch with an event that ${how} the good ones can be appended`, async (open) => {
      const store = await open();
      const good = [prompt("one"), ended("x".repeat(LONG_TEXT * 2))];
      await expect(store.append([...good, bad()])).rejects.toThrow();
      expect(await store.append(good)).toEqual({ position: 2, added: 2, duplicates: 0 });
      expect(events(await everything(await open()))).toEqual(good);
      expect(await store.check()).toEqual([]);
    });
  }
}

function repetition(check: Check): void {
  check("an event appended again is counted and changes nothing", async (open) => {
    const store = await open();
    const first = prompt("as it was");
    await store.append([first]);
    const head = await store.head();
    const again = { ...prompt("changed", { id: first.id }), time: 1 };
    expect(await store.append([again])).toEqual({ position: 1, added: 0, duplicates: 1 });
    expect(await (await open()).append([again])).toEqual({ position: 1, added: 0, duplicates: 1 });
    expect(events(await everything(store))).toEqual([first]);
    expect(await store.head()).toEqual(head);
  });

  check("an event that stands twice in one batch is stored once, as it first stood", async (open) => {
    const store = await open();
    const [first, other] = [prompt("first"), prompt("other")];
    expect(await store.append([first, other, prompt("second", { id: first.id }), other])).toEqual({ position: 2, added: 2, duplicates: 2 });
    expect(events(await everything(store))).toEqual([first, other]);
    expect(await store.check()).toEqual([]);
  });

  check("of a batch of known and new events the new ones are added", async (open) => {
    const store = await open();
    const [a, b, c] = [prompt("a"), prompt("b"), prompt("c")];
    await store.append([b]);
    expect(await store.append([a, b, c])).toEqual({ position: 3, added: 2, duplicates: 1 });
    expect(ids(await everything(store))).toEqual([b.id, a.id, c.id]);
  });

  check("an event known under another session is not moved", async (open) => {
    const store = await open();
    const original = prompt("hello", { session: "parent" });
    await store.append([original]);
    expect(await store.append([{ ...original, session: "fork" }])).toEqual({ position: 1, added: 0, duplicates: 1 });
    expect(await store.known([original.id])).toEqual(new Map([[original.id, "parent"]]));
    expect(await store.read("fork")).toEqual([]);
    expect(await store.heads()).toEqual(new Map([["parent", 1]]));
  });

  check("appending nothing changes nothing", async (open) => {
    const store = await open();
    expect(await store.append([])).toEqual({ position: 0, added: 0, duplicates: 0 });
    await store.append([prompt("one")]);
    expect(await store.append([])).toEqual({ position: 1, added: 0, duplicates: 0 });
  });
}

function absence(check: Check): void {
  check("an empty log answers every question with nothing", async (open) => {
    const store = await open();
    expect(await store.head()).toEqual({ position: 0, link: "0".repeat(64) });
    expect(await store.heads()).toEqual(new Map());
    expect(await everything(store)).toEqual([]);
    expect(await store.ofTypes(["prompt"])).toEqual([]);
    expect(await store.check()).toEqual([]);
  });

  check("an unknown session, id or type gives nothing, not an error", async (open) => {
    const store = await open();
    const one = prompt("one");
    await store.append([one]);
    expect(await store.read("unknown")).toEqual([]);
    expect(await store.read("")).toEqual([]);
    expect(await store.get(["unknown"])).toEqual([]);
    expect(await store.get([])).toEqual([]);
    expect(ids(await store.get(["unknown", one.id]))).toEqual([one.id]);
    expect(await store.known(["unknown", one.id])).toEqual(new Map([[one.id, "s1"]]));
    expect(await store.ofTypes(["cost"])).toEqual([]);
    expect(await store.ofTypes([])).toEqual([]);
    expect(await store.scan(1, 10)).toEqual([]);
    expect(await store.scan(99, 10)).toEqual([]);
    expect(await store.erase(["unknown"])).toBe(0);
    expect(await store.erase([])).toBe(0);
  });
}

function lifetime(check: Check): void {
  check("what was appended is there after reopening, event for event", async (open) => {
    const all = [started("s1", "/work/app"), prompt("one", { record: "r1" }), called("Read", { file_path: "a.ts" }, { thread: "sub", record: "r2", parent: "r1" }), prompt("two", { session: "s2", agent: "codex" })];
    const first = await open();
    await first.append(all);
    const head = await first.head();
    await first.close();
    const second = await open();
    expect(events(await everything(second))).toEqual(all);
    expect(await second.head()).toEqual(head);
    expect(await second.check()).toEqual([]);
    expect(await second.checkIndex()).toEqual([]);
  });

  check("the log goes on after reopening", async (open) => {
    for (const text of ["one", "two", "three"]) {
      const store = await open();
      await store.append([prompt(text)]);
      await store.close();
    }
    const store = await open();
    expect(positions(await everything(store))).toEqual([1, 2, 3]);
    expect(await store.check()).toEqual([]);
  });

  check("closing twice is harmless", async (open) => {
    const store = await open();
    await store.append([prompt("one")]);
    await store.close();
    await store.close();
    expect(await everything(await open())).toHaveLength(1);
  });

  check("two handles append in turn and both see the whole log", async (open) => {
    const [a, b] = [await open(), await open()];
    for (let i = 0; i < 10; i++) {
      await a.append([prompt(`a ${i}`, { session: "sa" })]);
      await b.append([prompt(`b ${i}`, { session: "sb" }), prompt(`b ${i} again`, { session: "sb" })]);
    }
    expect(await a.head()).toEqual(await b.head());
    expect(await everything(a)).toEqual(await everything(b));
    expect(await b.heads()).toEqual(new Map([["sa", 28], ["sb", 30]]));
    expect(await a.check()).toEqual([]);
    expect(await b.checkIndex()).toEqual([]);
  });

  check("many appends at once through two handles lose nothing", async (open) => {
    const handles = [await open(), await open()];
    const both = prompt("from both");
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => handles[i % 2]!.append([prompt(`n ${i}`), both])));
    expect(answers.reduce((sum, { added }) => sum + added, 0)).toBe(41);
    const store = await open();
    expect((await store.head()).position).toBe(41);
    expect(await store.check()).toEqual([]);
  });

  check("closing one handle leaves the other at work", async (open) => {
    const [a, b] = [await open(), await open()];
    await a.append([prompt("one")]);
    await a.close();
    await b.append([prompt("two")]);
    expect(await everything(b)).toHaveLength(2);
  });
}

function reading(check: Check): void {
  check("a session's events come in the order of the log, without those of others", async (open) => {
    const store = await open();
    const [a, b, c, d] = [prompt("a"), prompt("b", { session: "s2" }), prompt("c", { time: 0 }), prompt("d", { session: "s2" })];
    await store.append([a, b]);
    await store.append([c, d]);
    expect(events(await store.read("s1"))).toEqual([a, c]);
    expect(positions(await store.read("s2"))).toEqual([2, 4]);
  });

  check("events fetched by id come in the order of the log, each once", async (open) => {
    const store = await open();
    const [a, b, c] = [prompt("a"), prompt("b"), prompt("c")];
    await store.append([a, b, c]);
    expect(await store.get([c.id, a.id, c.id])).toEqual([
      { position: 1, event: a, erased: false },
      { position: 3, event: c, erased: false },
    ]);
  });

  check("events of some types come in the order of the log", async (open) => {
    const store = await open();
    const [a, b, c] = [prompt("a"), answer("b"), called("Bash", {})];
    await store.append([a, b, c]);
    expect(events(await store.ofTypes(["tool.called", "prompt"]))).toEqual([a, c]);
    const other = prompt("d", { session: "s2" });
    await store.append([other]);
    expect(events(await store.ofTypes(["prompt"], ["s2"]))).toEqual([other]);
    expect(events(await store.ofTypes(["prompt"], ["s2", "s1", "unknown"]))).toEqual([a, other]);
    expect(await store.ofTypes(["prompt"], [])).toEqual([]);
  });

  check("pages of a scan put together are the whole log", async (open) => {
    const store = await open();
    const all = Array.from({ length: 25 }, (_, i) => prompt(`n ${i}`));
    await store.append(all);
    const paged: Stored[] = [];
    for (;;) {
      const page = await store.scan(paged.at(-1)?.position ?? 0, 7);
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(7);
      paged.push(...page);
    }
    expect(events(paged)).toEqual(all);
    expect(positions(paged)).toEqual(all.map((_, i) => i + 1));
  });

  check("heads names the newest event of each session", async (open) => {
    const store = await open();
    await store.append([prompt("a"), prompt("b", { session: "s2" }), prompt("c")]);
    expect(await store.heads()).toEqual(new Map([["s1", 3], ["s2", 2]]));
  });

  check("many ids at once are no problem", async (open) => {
    const store = await open();
    const all = Array.from({ length: 3000 }, (_, i) => prompt(`n ${i}`));
    expect(await store.append(all)).toEqual({ position: 3000, added: 3000, duplicates: 0 });
    const wanted = all.map(({ id }) => id);
    expect((await store.known(wanted)).size).toBe(3000);
    expect(ids(await store.get(wanted))).toEqual(wanted);
  });
}

function forks(check: Check): void {
  check("a fork reads the events it shares, in the order of the log, and its parent does not read the fork's", async (open) => {
    const store = await open();
    const [a, b, c] = [prompt("a", { session: "parent" }), answer("b", { session: "parent" }), prompt("only the parent's", { session: "parent" })];
    const [own, fork] = [prompt("own", { session: "fork" }), forked("fork", "parent", [b.id, a.id])];
    await store.append([a, own, b, c]);
    await store.append([fork]);
    for (const handle of [store, await open()]) {
      expect(events(await handle.read("fork"))).toEqual([a, own, b, fork]);
      expect(events(await handle.read("parent"))).toEqual([a, b, c]);
      expect(await handle.heads()).toEqual(new Map([["parent", 4], ["fork", 5]]));
      expect(await handle.check()).toEqual([]);
    }
  });

  check("a shared event that comes after the fork's own newest is the fork's head", async (open) => {
    const store = await open();
    const shared = prompt("shared", { session: "parent" });
    await store.append([forked("fork", "parent", [shared.id]), prompt("own", { session: "fork" }), shared, forked("fork", "parent", [shared.id])]);
    await store.append([prompt("parent goes on", { session: "parent" })]);
    expect((await store.heads()).get("fork")).toBe(4);
    expect(ids(await store.read("fork"))).toContain(shared.id);
  });

  check("a fork named in the batch of the events it shares reads them", async (open) => {
    const store = await open();
    const a = prompt("a", { session: "parent" });
    const fork = forked("fork", "parent", [a.id]);
    await store.append([a, fork]);
    expect(events(await store.read("fork"))).toEqual([a, fork]);
  });

  check("a fork named before the events it shares arrived reads them once they did", async (open) => {
    const store = await open();
    const a = prompt("a", { session: "parent" });
    const fork = forked("fork", "parent", [a.id]);
    await store.append([fork]);
    await store.append([a]);
    expect(events(await store.read("fork"))).toEqual([fork, a]);
    expect(await store.check()).toEqual([]);
  });

  check("two notes of one fork add up, and unknown or own ids in them are nothing", async (open) => {
    const store = await open();
    const [a, b, own] = [prompt("a", { session: "parent" }), prompt("b", { session: "parent" }), prompt("own", { session: "fork" })];
    await store.append([a, b, own]);
    await store.append([forked("fork", "parent", [a.id, "unknown", own.id]), forked("fork", "parent", [a.id, b.id])]);
    const read = ids(await store.read("fork"));
    expect(read.slice(0, 3)).toEqual([a.id, b.id, own.id]);
    expect(read).toHaveLength(5);
    expect(await store.check()).toEqual([]);
  });
}

const LONE = "\ud800 alone \udfff";
const HASH = "a".repeat(64);

/** Values a transcript may hold, each with a name for the test. */
const ODD: readonly (readonly [string, unknown])[] = [
  ["empty texts, lists and members", { a: "", b: [], c: {}, d: null, "": "" }],
  ["a member called $object that looks like a reference", { $object: HASH }],
  ["members one and two dollars away from a reference", { $$object: HASH, $$$object: "x", $object: 7, $: "y", $objects: "z" }],
  ["a reference look-alike beside a long text", { $object: HASH, text: "t".repeat(LONG_TEXT + 1) }],
  ["the word $object in a text", { text: 'it says {"$object":"x"}' }],
  ["__proto__, constructor and toString as members", JSON.parse('{"__proto__":{"polluted":true},"constructor":"c","toString":"t","nested":{"__proto__":"text"}}')],
  ["__proto__ as a member beside a long text", JSON.parse(`{"__proto__":{"polluted":true},"text":"${"t".repeat(LONG_TEXT + 1)}"}`)],
  ["lone surrogate halves in texts and names", { text: LONE, [LONE]: 1 }],
  ["a long text with a lone surrogate half", { text: `${"l".repeat(LONG_TEXT)}\ud83d` }],
  ["NUL, line ends and other control characters", { text: "a\0b\r\n\u2028\u0007\u001b[31m", "k\0ey": 1 }],
  ["a long text with NUL in it", { text: "\0".repeat(LONG_TEXT + 1) }],
  ["emoji, combining marks and right-to-left text", { text: "👩‍👩‍👧 e\u0301 é שלום \u202e\ufeff" }],
  ["texts at the limit of an object", { below: "x".repeat(LONG_TEXT - 1), at: "y".repeat(LONG_TEXT), above: "z".repeat(LONG_TEXT + 1) }],
  ["a huge text", { text: "huge ünd 日本 ".repeat(400_000) }],
  ["numbers at the limits", { max: Number.MAX_SAFE_INTEGER, min: Number.MIN_VALUE, big: 1e308, small: -1e-7, zero: 0 }],
  ["a deep nesting", JSON.parse(`${"[".repeat(500)}"deep"${"]".repeat(500)}`)],
  ["members that look like numbers, out of order", { b: 1, 10: 2, 9: 3, a: 4 }],
];

function payloads(check: Check): void {
  for (const [what, record] of ODD) {
    check(`a payload with ${what} comes back as it was`, async (open) => {
      const store = await open();
      const odd = raw(record);
      await store.append([odd]);
      for (const handle of [store, await open()]) {
        const [stored] = await everything(handle);
        // Through JSON, as toEqual takes a member called __proto__ for the prototype.
        expect(sorted(stored?.event.payload)).toBe(sorted(odd.payload));
        expect(await handle.check()).toEqual([]);
        expect(await handle.checkIndex()).toEqual([]);
      }
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    });
  }

  for (const [what, odd] of [["quotes, line ends and emoji", `a'b"c\n👾%_;--`], ["spaces at both ends", "  x  "]] as const) {
    check(`ids, sessions and threads with ${what} come back as they were and keep the chain`, async (open) => {
      const store = await open();
      const strange = prompt("hello", { id: `id ${odd}`, session: `session ${odd}`, agent: `agent ${odd}`, thread: odd, record: odd, parent: odd });
      await store.append([strange]);
      expect(events(await everything(store))).toEqual([strange]);
      expect(events(await store.read(strange.session))).toEqual([strange]);
      expect(events(await store.get([strange.id]))).toEqual([strange]);
      expect(await store.known([strange.id])).toEqual(new Map([[strange.id, strange.session]]));
      expect(await store.append([strange])).toEqual({ position: 1, added: 0, duplicates: 1 });
      expect(await store.check()).toEqual([]);
    });
  }

  check("times far from now come back as they were", async (open) => {
    const store = await open();
    const all = [0, -8.64e15, 8.64e15].map((time) => prompt("when", { time }));
    await store.append(all);
    expect(events(await everything(store))).toEqual(all);
    expect(await store.check()).toEqual([]);
  });

  check("changing an event after it was appended or read changes nothing in the store", async (open) => {
    const store = await open();
    const record = { list: ["one"] };
    const given = raw(record);
    await store.append([given]);
    record.list.push("two");
    const read = (await everything(store))[0]!.event.payload as { record: typeof record };
    expect(read.record.list).toEqual(["one"]);
    read.record.list.push("three");
    expect(((await everything(store))[0]!.event.payload as typeof read).record.list).toEqual(["one"]);
    expect(await store.check()).toEqual([]);
  });
}

/** Bytes that no compression makes smaller by more than a quarter. */
const noise = (bytes: number): string => randomBytes(bytes).toString("base64");

async function total(store: Store): Promise<number> {
  return Object.values(await store.sizes()).reduce((sum, bytes) => sum + bytes, 0);
}

function objects(check: Check): void {
  check("long texts anywhere in a payload survive reopening", async (open) => {
    const first = await open();
    const long = raw({ a: noise(9000), list: [noise(5000), { deep: noise(9000) }], short: "s" });
    await first.append([long]);
    await first.close();
    const second = await open();
    expect(events(await everything(second))).toEqual([long]);
    expect(await second.check()).toEqual([]);
  });

  check("equal long texts are kept once", async (open) => {
    const store = await open();
    const text = noise(300_000);
    await store.append([ended(text), ended(text)]);
    const before = await total(store);
    for (let i = 0; i < 5; i++) await (await open()).append([ended(text), raw({ text })].slice(0, 1));
    expect((await total(store)) - before).toBeLessThan(text.length / 2);
    expect(await store.check()).toEqual([]);
  });
}

function erasing(check: Check): void {
  check("erasing leaves the place, the envelope and the chain, and nothing of the payload", async (open) => {
    const store = await open();
    const [a, secret, c] = [prompt("a"), called("Bash", { command: "echo secret" }, { thread: "sub", record: "r", parent: "p" }), prompt("c")];
    await store.append([a, secret, c]);
    const head = await store.head();
    expect(await store.erase([secret.id, "unknown"])).toBe(1);
    for (const handle of [store, await open()]) {
      expect(await everything(handle)).toEqual([
        { position: 1, event: a, erased: false },
        { position: 2, event: { ...secret, payload: {} }, erased: true },
        { position: 3, event: c, erased: false },
      ]);
      expect(await handle.head()).toEqual(head);
      expect(await handle.check()).toEqual([]);
      expect(await handle.checkIndex()).toEqual([]);
    }
  });

  check("erasing again counts nothing", async (open) => {
    const store = await open();
    const [a, b] = [prompt("a"), prompt("b")];
    await store.append([a, b]);
    expect(await store.erase([a.id, a.id])).toBe(1);
    expect(await store.erase([a.id, b.id])).toBe(1);
    expect(await (await open()).erase([a.id, b.id])).toBe(0);
  });

  check("an erased event does not come back when it is appended again", async (open) => {
    const store = await open();
    const secret = ended(noise(9000));
    await store.append([secret]);
    await store.erase([secret.id]);
    expect(await store.append([secret])).toEqual({ position: 1, added: 0, duplicates: 1 });
    expect(await everything(await open())).toEqual([{ position: 1, event: { ...secret, payload: {} }, erased: true }]);
    expect(await store.check()).toEqual([]);
  });

  check("the log goes on after erasing its last event", async (open) => {
    const store = await open();
    const last = prompt("last");
    await store.append([last]);
    await store.erase([last.id]);
    await (await open()).append([prompt("next")]);
    expect(positions(await everything(store))).toEqual([1, 2]);
    expect(await store.check()).toEqual([]);
  });

  check("a long text goes with the last event that holds it, not before", async (open) => {
    const store = await open();
    const text = noise(400_000);
    const [a, b] = [ended(text), ended(text)];
    await store.append([a, b]);
    await store.erase([a.id]);
    expect(events(await store.get([b.id]))).toEqual([b]);
    expect(await store.check()).toEqual([]);
    await store.erase([b.id]);
    // The text is in no event any more, so it has to be written again in full.
    const again = ended(text);
    await (await open()).append([again]);
    expect(events(await store.get([again.id]))).toEqual([again]);
    expect(await store.check()).toEqual([]);
  });

  for (const [what, make] of [
    ["the first event of a session, which names its project", () => started("s1", "/work/app")],
    ["a fork's note of what it shares", () => forked("s1", "s0", ["shared"])],
  ] as const) {
    check(`erasing ${what}, leaves a sound store`, async (open) => {
      const store = await open();
      const special = make();
      await store.append([prompt("shared", { id: "shared", session: "s0" }), special, prompt("own words"), returned("some output")]);
      await store.erase([special.id]);
      expect(await store.check()).toEqual([]);
      expect(await store.checkIndex()).toEqual([]);
      const before = ids(await store.read("s1"));
      await store.rebuildIndex();
      expect(ids(await store.read("s1")), "a rebuild changes nothing").toEqual(before);
    });
  }
}

/** Canonical text of a value, own members called __proto__ included. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1));
  });
}

export function describeSessionIndex(name: string, makePlace: MakePlace, exemptions: readonly Exemption[] = []): void {
  describePort(`${name} as session index`, makePlace, exemptions, (check) => {
    summaries(check);
    leases(check);
    sources(check);
    finding(check);
    recalling(check);
    vectors(check);
    filters(check);
    ranking(check);
    indexing(check);
  });
}

function summaries(check: Check): void {
  check("summaries come newest first by their last event, equal ones by id", async (open) => {
    const store = await open();
    const all = [summary("old", { ended: 10 }), summary("b", { ended: 20 }), summary("new", { ended: 30 }), summary("a", { ended: 20 })];
    for (const [i, one] of all.entries()) await store.putSummary(one, i + 1, trace(one.id));
    expect((await (await open()).summaries()).map((one) => [one.summary.id, one.upTo])).toEqual([["new", 3], ["a", 4], ["b", 2], ["old", 1]]);
  });

  check("putting a summary again replaces it", async (open) => {
    const store = await open();
    const first = summary("s1", { branch: "main", cost_usd: 1.5, ended: 10 });
    await store.putSummary(first, 3, trace("s1"));
    expect(await store.summary("s1")).toEqual({ summary: first, upTo: 3 });
    const second = summary("s1", { title: "Änderung 日本", ended: 20 });
    await store.putSummary(second, 7, trace("s1"));
    const reopened = await open();
    expect(await reopened.summary("s1")).toEqual({ summary: second, upTo: 7 });
    expect(await reopened.summaries()).toEqual([{ summary: second, upTo: 7 }]);
  });

  check("the newest session of a project is the one that ended last and has a turn", async (open) => {
    const store = await open();
    const all = [summary("old", { ended: 10, project: "/a" }), summary("empty", { ended: 30, project: "/a", turns: 0 }), summary("new", { ended: 20, project: "/a" }), summary("other", { ended: 40, project: "/b" })];
    for (const [i, one] of all.entries()) await store.putSummary(one, i + 1, trace(one.id));
    const reopened = await open();
    expect([(await reopened.newest("/a"))?.id, (await reopened.newest("/b"))?.id, await reopened.newest("/c")]).toEqual(["new", "other", undefined]);
  });

  check("traces are those of a project's newest sessions that have a turn, and go with their summaries", async (open) => {
    const store = await open();
    await store.append([prompt("one", { id: "e1" })]);
    const all = [summary("old", { ended: 10, project: "/a" }), summary("empty", { ended: 30, project: "/a", turns: 0 }), summary("s1", { ended: 20, project: "/a" }), summary("other", { ended: 40, project: "/b" })];
    for (const [i, one] of all.entries()) await store.putSummary(one, i + 1, trace(one.id, { files: [[`${one.id}/日本.ts`, 5]] }));
    await store.putSummary(summary("s1", { ended: 20, project: "/a" }), 5, trace("s1", { commands: [["npm test", 7]] }));
    const reopened = await open();
    expect(await reopened.traces("/a", 9)).toEqual([trace("s1", { commands: [["npm test", 7]] }), trace("old", { files: [["old/日本.ts", 5]] })]);
    expect(await reopened.traces("/a", 1)).toEqual([trace("s1", { commands: [["npm test", 7]] })]);
    expect([await reopened.trace("other"), await reopened.trace("unknown")]).toEqual([trace("other", { files: [["other/日本.ts", 5]] }), undefined]);
    await reopened.erase(["e1"]);
    expect([(await reopened.traces("/a", 9)).map(({ session }) => session), await reopened.trace("s1")]).toEqual([["old"], undefined]);
    await reopened.dropSummaries();
    expect([await reopened.traces("/a", 9), await reopened.trace("old")]).toEqual([[], undefined]);
  });

  check("a session is stale until its newest event has a summary", async (open) => {
    const store = await open();
    await store.append([prompt("one"), prompt("two", { session: "s2" })]);
    await store.putSummary(summary("s1"), 1, trace("s1"));
    expect(await (await open()).stale()).toEqual(new Map([["s2", 2]]));
    await store.append([prompt("more")]);
    expect(await (await open()).stale()).toEqual(new Map([["s1", 3], ["s2", 2]]));
  });

  check("an unknown session has no summary, and dropped ones are gone", async (open) => {
    const store = await open();
    expect(await store.summary("s1")).toBeUndefined();
    expect(await store.summaries()).toEqual([]);
    await store.putSummary(summary("s1"), 1, trace("s1"));
    await store.dropSummaries();
    expect(await store.summary("s1")).toBeUndefined();
    expect(await (await open()).summaries()).toEqual([]);
  });
}

function leases(check: Check): void {
  check("a lease is the first one's until it is given up, and is known after reopening", async (open) => {
    const [a, b] = [await open(), await open()];
    expect(await a.lease("tree", "a", 1000, 2000)).toBe("a");
    expect(await b.lease("tree", "b", 1500, 2500)).toBe("a");
    expect(await (await open()).leases(1500)).toEqual([{ name: "tree", holder: "a" }]);
    await b.release("tree", "b");
    expect(await b.lease("tree", "b", 1500, 2500)).toBe("a");
    await a.release("tree", "a");
    expect(await b.lease("tree", "b", 1500, 2500)).toBe("b");
  });

  check("a lease that is over is the next one's, and its old holder learns it", async (open) => {
    const store = await open();
    await store.lease("tree", "a", 1000, 2000);
    expect(await store.lease("tree", "b", 2000, 3000)).toBe("b");
    expect(await store.lease("tree", "a", 2100, 3100)).toBe("b");
    expect(await store.leases(3000)).toEqual([]);
  });

  check("the holder keeps a lease longer by asking again; leases of other names are apart", async (open) => {
    const store = await open();
    await store.lease("tree", "a", 1000, 2000);
    await store.lease("tree", "a", 1900, 2900);
    expect(await store.lease("tree", "b", 2500, 3500)).toBe("a");
    expect(await store.lease("other", "b", 2500, 3500)).toBe("b");
  });
}

function sources(check: Check): void {
  check("a source's state is kept, replaced, and absent where nothing was put", async (open) => {
    const store = await open();
    const state = { path: "/home/a/x.jsonl", size: 10, modified: 1736154000000.123, report: '{"lines":3}' };
    expect(await store.source(state.path)).toBeUndefined();
    await store.putSource(state);
    expect(await (await open()).source(state.path)).toEqual(state);
    await store.putSource({ ...state, size: 20, report: "" });
    expect(await store.source(state.path)).toEqual({ ...state, size: 20, report: "" });
    expect(await store.source("/home/a/X.jsonl")).toBeUndefined();
  });
}

async function found(store: Store, query: string, filter: SearchFilter = {}, limit = 10): Promise<string[]> {
  return (await store.search(query, filter, limit)).hits.map((hit: Hit) => hit.text);
}

function finding(check: Check): void {
  const finds = (what: string, text: string, queries: readonly string[]): void =>
    check(`a search finds ${what}`, async (open) => {
      const store = await open();
      await store.append([prompt("nothing to see here"), answer(text), prompt("unrelated matter")]);
      for (const handle of [store, await open()]) for (const query of queries) expect(await found(handle, query), query).toEqual([text]);
    });
  finds("a word in any case", "Please renew the CERTIFICATE today", ["certificate", "Certificate", "CERTIFICATE"]);
  finds("a word among others that are not there", "the certificate expired", ["zebra certificate giraffe"]);
  finds("another form of a word", "we migrated the tables", ["migrating", "table"]);
  finds("a part of a camelCase name, and the whole", "call parseHTTPResponse twice", ["response", "parse", "parseHTTPResponse", "parsehttpresponse"]);
  finds("a part of a snake_case name, and the whole", "set max_retry_count to three", ["retry", "max_retry_count"]);
  finds("a part of a path, and the whole", "look at src/billing/invoice-lines.ts first", ["billing", "invoice", "src/billing/invoice-lines.ts", "invoice-lines.ts"]);
  finds("a run of Chinese, Japanese or Korean characters within a longer one", "これは日本語の文章です", ["日本語", "文章", "日本"]);
  finds("a word with an accent, with and without it", "die Prüfung im café", ["prufung", "Prüfung", "cafe", "café"]);
  finds("a quoted phrase across line ends", "the quick\n  brown fox", ['"quick brown fox"', '"Brown fox"', 'quick "brown fox"']);
  finds("numbers and identifiers", "error TS2345 in build 20718", ["TS2345", "ts2345", "20718"]);
  finds("words between the marks of a query language", 'NEAR(certificate) AND "x', ["certificate*", "(certificate", 'certificate"', "body:certificate", "certificate NOT x", "^certificate", "-certificate"]);

  check("a quoted phrase leaves out texts that hold its words apart", async (open) => {
    const store = await open();
    await store.append([answer("brown is the quick fox"), answer("a quick brown fox")]);
    expect(await found(store, '"quick brown"')).toEqual(["a quick brown fox"]);
    expect(await found(store, '"quick brown" "fox brown"')).toEqual([]);
  });

  check("a search made of stop words alone still finds texts that hold them", async (open) => {
    const store = await open();
    await store.append([prompt("what is it"), answer("nothing whatsoever")]);
    expect(await found(store, "what is it")).toContain("what is it");
  });

  check("a search without any word is refused, not answered with nothing", async (open) => {
    const store = await open();
    await store.append([prompt("hello")]);
    for (const query of ["", "   ", "!?*", '""', "___"]) await expect(store.search(query, {}, 10), query).rejects.toMatchObject({ code: "QUERY_EMPTY" });
  });

  check("a search for what is not there finds nothing, in an empty log too", async (open) => {
    const store = await open();
    expect(await store.search("zebra", {}, 10)).toMatchObject({ hits: [], more: false });
    await store.append([prompt("hello")]);
    expect(await store.search("zebra", {}, 10)).toMatchObject({ hits: [], more: false });
    expect(await found(store, "zebra", { session: "unknown" })).toEqual([]);
  });

  check("what tools were given and gave, plans, names and links are found", async (open) => {
    const store = await open();
    await store.append([
      called("Bash", { command: "xylophone build", nested: [{ deep: "marimba" }] }),
      returned("glockenspiel output"),
      event("tool.failed", { call: "c", error: "vibraphone missing" }),
      event("task.noted", { whole: true, tasks: [{ content: "tune the celesta", status: "pending" }] }),
      event("session.named", { name: "Timpani work", by: "user" }),
      event("linked", { kind: "pr", url: "https://example.org/harpsichord/1" }),
      raw({ odd: "clavichord" }),
    ]);
    for (const word of ["xylophone", "marimba", "glockenspiel", "vibraphone", "celesta", "timpani", "harpsichord", "clavichord"]) expect(await found(store, word), word).toHaveLength(1);
  });

  check("a hit carries its event, position and text, and the answer says how it was found", async (open) => {
    const store = await open();
    const one = called("Bash", { command: "make certificate" });
    await store.append([prompt("hello"), one]);
    const answer = await store.search("certificate", {}, 10);
    expect(answer.hits).toEqual([{ position: 2, event: one, text: "Bash\nmake certificate", score: expect.any(Number) }]);
    expect(answer.hits[0]!.score).toBeGreaterThan(0);
    expect(answer.path).toContain("certificate");
  });

  check("a long text is found by a word at its end and given whole", async (open) => {
    const store = await open();
    const text = `${"padding words here ".repeat(1000)}ocarina`;
    await store.append([returned(text)]);
    expect(await found(await open(), "ocarina")).toEqual([text]);
  });
}

function filters(check: Check): void {
  const filled = async (open: Open): Promise<Store> => {
    const store = await open();
    await store.append([
      started("s1", "/work/app"),
      started("s2", "/work/lib", { agent: "codex" }),
      prompt("cello user", { time: START + 1000 }),
      answer("cello assistant", { time: START + 2000 }),
      called("Bash", { command: "cello call" }, { time: START + 3000 }),
      returned("cello output in violin.ts", { time: START + 4000 }),
      event("prompt", { text: "cello injected", kind: "injected" }, { time: START + 5000 }),
      prompt("cello other", { session: "s2", agent: "codex", time: START + 6000 }),
      called("Read", { file_path: "cello/viola.ts" }, { session: "s2", agent: "codex", time: START + 7000 }),
      prompt("cello nowhere", { session: "s3", time: START + 8000 }),
    ]);
    return store;
  };
  const keeps = (what: string, filter: SearchFilter, texts: readonly string[]): void =>
    check(`a search by ${what} gives those hits and no others`, async (open) => {
      await filled(open);
      expect((await found(await open(), "cello", filter)).sort()).toEqual([...texts].sort());
    });
  const [call, output, read] = ["Bash\ncello call", "cello output in violin.ts", "Read\ncello/viola.ts"];
  const others = ["cello other", read];
  keeps("nothing", {}, ["cello user", "cello assistant", call, output, "cello injected", ...others, "cello nowhere"]);
  keeps("the role of the user", { role: "user" }, ["cello user", "cello other", "cello nowhere"]);
  keeps("the role of the assistant", { role: "assistant" }, ["cello assistant"]);
  keeps("the role of tools", { role: "tool" }, [call, output, read]);
  keeps("the role of the system", { role: "system" }, ["cello injected"]);
  keeps("tool", { tool: "Bash" }, [call]);
  keeps("tool in another case", { tool: "read" }, [read]);
  keeps("unknown tool", { tool: "Bas" }, []);
  keeps("agent", { agent: "codex" }, others);
  keeps("project", { project: "/work/lib" }, others);
  keeps("unknown project", { project: "/work" }, []);
  keeps("session", { session: "s2" }, others);
  keeps("session without a first event", { session: "s3" }, ["cello nowhere"]);
  keeps("beginning in time", { since: START + 7000 }, [read, "cello nowhere"]);
  keeps("end in time", { until: START + 2000 }, ["cello user", "cello assistant"]);
  keeps("both ends in time", { since: START + 2000, until: START + 3000 }, ["cello assistant", call]);
  keeps("a further word", { also: "output" }, [output]);
  keeps("a file's name", { also: "viola.ts" }, [read]);
  keeps("several at once", { project: "/work/app", role: "tool", since: START + 4000, also: "violin" }, [output]);
  keeps("filters that exclude each other", { session: "s1", project: "/work/lib" }, []);

  check("a search within a fork finds what it shares, and within its parent nothing of the fork", async (open) => {
    const store = await open();
    const shared = prompt("cello shared", { session: "parent" });
    await store.append([shared, prompt("cello parent", { session: "parent" }), forked("fork", "parent", [shared.id]), prompt("cello fork", { session: "fork" })]);
    expect((await found(store, "cello", { session: "fork" })).sort()).toEqual(["cello fork", "cello shared"]);
    expect((await found(store, "cello", { session: "parent" })).sort()).toEqual(["cello parent", "cello shared"]);
  });

  check("the project of a session is known to a handle that did not see it begin", async (open) => {
    await (await open()).append([started("s1", "/work/app")]);
    const other = await open();
    await other.append([prompt("cello")]);
    expect(await found(other, "cello", { project: "/work/app" })).toEqual(["cello"]);
  });

  check("a session's project counts for events that came before its first event", async (open) => {
    const store = await open();
    await store.append([prompt("cello before")]);
    await (await open()).append([started("s1", "/work/app")]);
    await store.append([prompt("cello after")]);
    expect((await found(store, "cello", { project: "/work/app" })).sort()).toEqual(["cello after", "cello before"]);
    expect(await store.checkIndex()).toEqual([]);
  });

  check("a session's project is not that of a batch that failed", async (open) => {
    const store = await open();
    await expect(store.append([started("s1", "/work/failed"), shapeless()])).rejects.toThrow();
    await store.append([prompt("cello")]);
    expect(await found(store, "cello", { project: "/work/failed" })).toEqual([]);
    expect(await store.checkIndex()).toEqual([]);
  });

  check("a session's project is that of its first event under the id agreed on, not of a second one", async (open) => {
    const store = await open();
    await store.append([started("s1", "/work/app"), started("s1", "/work/late", { id: "other" }), prompt("cello")]);
    expect(await found(store, "cello", { project: "/work/app" })).toEqual(["cello"]);
    expect(await store.checkIndex()).toEqual([]);
  });
}

function ranking(check: Check): void {
  check("the user's words come before a tool's output of the same words", async (open) => {
    const store = await open();
    await store.append([prompt("rotate the signing keys"), returned("rotate the signing keys now"), returned("the signing keys: rotate")]);
    expect((await found(store, "rotate signing keys"))[0]).toBe("rotate the signing keys");
  });

  check("a text that holds all words comes before those that hold one of them often", async (open) => {
    const store = await open();
    await store.append([answer("keys keys keys and more keys"), answer("we rotate the signing keys"), answer("signing off, signing on")]);
    expect((await found(store, "rotate signing keys"))[0]).toBe("we rotate the signing keys");
  });

  check("a rare word counts for more than a common one", async (open) => {
    const store = await open();
    await store.append([answer("an oboe passage"), ...Array.from({ length: 20 }, (_, i) => answer(`the build passed, number ${i}`))]);
    expect((await found(store, "build oboe"))[0]).toBe("an oboe passage");
  });

  check("of equal texts in different events the newest is given, once", async (open) => {
    const store = await open();
    await store.append([answer("the same words"), prompt("other"), answer("the same words")]);
    const { hits } = await store.search("same words", {}, 10);
    expect(hits.map(({ position }) => position)).toEqual([3]);
  });

  check("hits come best first, at most as many as asked for, and more says that there are others", async (open) => {
    const store = await open();
    await store.append(Array.from({ length: 8 }, (_, i) => answer(`certificate number ${i}`)));
    const some = await store.search("certificate", {}, 5);
    expect(some.hits).toHaveLength(5);
    expect(some.more).toBe(true);
    const all = await store.search("certificate", {}, 8);
    expect(all.more).toBe(false);
    const scores = all.hits.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(some.hits).toEqual(all.hits.slice(0, 5));
  });
}

function indexing(check: Check): void {
  check("an erased event is found no longer, by no handle and not after a rebuild", async (open) => {
    const [store, other] = [await open(), await open()];
    const [secret, long, kept] = [prompt("bassoon secret parseBassoonPart"), returned(`bassoon ${"pad ".repeat(3000)}`), prompt("bassoon kept")];
    await store.append([started("s1", "/work/app"), secret, long, kept]);
    await store.erase([secret.id, long.id]);
    for (const handle of [store, other]) expect(await found(handle, "bassoon")).toEqual(["bassoon kept"]);
    expect(await found(store, "part secret")).toEqual([]);
    expect(await store.checkIndex()).toEqual([]);
    await store.rebuildIndex();
    expect(await found(await open(), "bassoon")).toEqual(["bassoon kept"]);
  });

  check("a rebuild of the index changes nothing that can be seen", async (open) => {
    const store = await open();
    const shared = prompt("shared flute", { session: "parent" });
    const gone = prompt("gone flute");
    await store.append([started("s1", "/work/app"), shared, prompt("own flute 日本語 getFluteName"), gone, returned(`flute ${noise(9000)}`), forked("s1", "parent", [shared.id])]);
    await store.erase([gone.id]);
    const look = async (handle: Store): Promise<unknown> => [await everything(handle), await handle.read("s1"), await handle.heads(), await handle.search("flute", {}, 10), await handle.search("flute", { project: "/work/app", session: "s1" }, 10)];
    const before = await look(store);
    await store.rebuildIndex();
    expect(await look(store)).toEqual(before);
    for (const handle of [store, await open()]) {
      expect(await look(handle)).toEqual(before);
      expect(await handle.checkIndex()).toEqual([]);
      expect(await handle.check()).toEqual([]);
    }
    await store.append([prompt("flute after")]);
    expect(await found(store, "after")).toEqual(["flute after"]);
    expect(await store.checkIndex()).toEqual([]);
  });
}
