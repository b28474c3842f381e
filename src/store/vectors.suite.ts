/** What every store must do with vectors of passages. A part of the suite of the session index (store.suite.ts). */
import { expect } from "vitest";
import { answer, prompt, started } from "../../test/builders.ts";
import type { Store } from "./store.ts";

type Check = (title: string, body: (open: () => Promise<Store>) => Promise<void>) => void;

/** A direction for each of eight texts; none has anything in common with the others. */
const axis = (n: number): Float32Array => Float32Array.from({ length: 8 }, (_, i) => (i === n ? 1 : 0));
const TEXTS = ["flute", "oboe", "bassoon", "harp", "drum", "horn"];

async function filled(store: Store): Promise<void> {
  await store.append([started("s1", "/work/app"), ...TEXTS.map((text, i) => (i % 2 === 0 ? prompt(text, { session: "s1", time: 1000 + i }) : answer(text, { session: "s1", time: 1000 + i })))]);
  await store.takePassages(100);
  await putAll(store);
}

async function putAll(store: Store): Promise<void> {
  const { passages } = await store.withoutVector("a 8", 100);
  await store.putVectors("a 8", passages.map(({ position, part, text }) => ({ position, part, vector: axis(TEXTS.indexOf(text)) })));
}

const near = async (store: Store, n: number, space = "a 8", filter = {}): Promise<string[]> => (await store.near(space, axis(n), filter, 3)).map(({ text }) => text);

export function vectors(check: Check): void {
  check("passages without a vector are given the newest first, and how many there are", async (open) => {
    const store = await open();
    expect(await store.withoutVector("a 8", 10)).toEqual({ passages: [], left: 0 });
    await store.append(TEXTS.map((text) => prompt(text)));
    await store.takePassages(100);
    const { passages, left } = await store.withoutVector("a 8", 2);
    expect([passages.map(({ text }) => text), left]).toEqual([["horn", "drum"], 6]);
    await store.putVectors("a 8", [{ ...passages[0]!, vector: axis(1) }]);
    expect(await (await open()).withoutVector("a 8", 1)).toMatchObject({ passages: [{ text: "drum" }], left: 5 });
  });

  check("the nearest passage is found by its vector, for every handle, and whole", async (open) => {
    const store = await open();
    await filled(store);
    for (const handle of [store, await open()]) for (const [n, text] of TEXTS.entries()) expect(await near(handle, n)).toEqual([text]);
    expect(await store.near("a 8", axis(3), {}, 1)).toMatchObject([{ position: 5, part: 0, text: "harp", project: "/work/app", score: 1, event: { type: "answer" } }]);
    expect(await near(store, 7), "a direction that nothing has").toEqual([]);
  });

  check("vectors keep to the filter of recall", async (open) => {
    const store = await open();
    await filled(store);
    for (const [filter, expected] of [[{ project: "/work/app" }, ["harp"]], [{ project: "/b" }, []], [{ role: "user" }, []], [{ role: "assistant", since: 1003, until: 1003 }, ["harp"]], [{ since: 1004 }, []], [{ session: "s1" }, ["harp"]]] as const) expect(await near(store, 3, "a 8", filter), JSON.stringify(filter)).toEqual(expected);
  });

  check("vectors of another space take the place of all there were, and are never compared with them", async (open) => {
    const store = await open();
    await filled(store);
    expect(await near(store, 0, "b 8")).toEqual([]);
    const { passages, left } = await store.withoutVector("b 8", 1);
    expect([passages.length, left]).toEqual([1, 6]);
    await store.putVectors("b 8", [{ ...passages[0]!, vector: axis(0) }]);
    expect(await near(store, 0, "b 8")).toEqual(["horn"]);
    expect(await near(store, 0)).toEqual([]);
    await store.dropVectors();
    expect(await near(store, 0, "b 8")).toEqual([]);
    expect((await store.withoutVector("b 8", 1)).left).toBe(6);
  });

  check("what is erased takes its vector along, a vector that comes too late is dropped, and a rebuild begins without any", async (open) => {
    const store = await open();
    await filled(store);
    const [harp] = await store.near("a 8", axis(3), {}, 1);
    await store.erase([harp!.event.id]);
    await store.putVectors("a 8", [{ position: harp!.position, part: 0, vector: axis(3) }]);
    expect(await near(store, 3)).toEqual([]);
    expect((await store.withoutVector("a 8", 10)).left).toBe(0);
    expect(await store.checkIndex()).toEqual([]);
    await store.rebuildIndex();
    expect((await store.withoutVector("a 8", 10)).left).toBe(5);
    expect(await near(store, 0)).toEqual([]);
    await putAll(await open());
    expect(await near(store, 0)).toEqual(["flute"]);
  });

  check("vectors of another length under the same name are near to nothing", async (open) => {
    const store = await open();
    await filled(store);
    expect(await store.near("a 8", Float32Array.from([1, 0]), {}, 3)).toEqual([]);
  });
}
