/**
 * What every remote must do, in the five sentences of its port: order, atomicity, repetition, absence, lifetime. Each test
 * works on a place that can be opened again and by several at once.
 *
 * Left out: places that vanish, are full or forbid writing, which only a folder can be.
 */
import { describe, expect, test } from "vitest";
import { isRemoteName, type Remote } from "./remote.ts";

export interface Place {
  open(): Remote;
  remove(): void;
}

export function describeRemote(name: string, makePlace: () => Place): void {
  describe(`${name} as remote`, () => {
    const check = (title: string, body: (open: () => Remote) => Promise<void>): void =>
      test(title, async () => {
        const place = makePlace();
        try {
          await body(() => place.open());
        } finally {
          place.remove();
        }
      });
    const bytes = (text: string): Uint8Array => Buffer.from(text);
    const text = (found: Uint8Array | undefined): string | undefined => (found === undefined ? undefined : Buffer.from(found).toString());

    check("order: names stand alone and are listed sorted, below a folder only", async (open) => {
      const remote = open();
      for (const each of ["trees/b/2.json", "objects/ab/cd", "trees/a/10.json", "trees/b/1.json", "treesish/x", "marker.json"]) await remote.put(each, bytes(each));
      expect(await remote.list("trees/")).toEqual(["trees/a/10.json", "trees/b/1.json", "trees/b/2.json"]);
      expect(await remote.list("trees/b/")).toEqual(["trees/b/1.json", "trees/b/2.json"]);
      expect(text(await remote.get("objects/ab/cd"))).toBe("objects/ab/cd");
    });

    check("atomicity: of puts at once each name has the bytes of one of them, whole, whenever it is read", async (open) => {
      const [one, other] = [open(), open()];
      const versions = ["a", "b", "c", "d"].map((letter) => Buffer.alloc(300_000, letter));
      await one.put("objects/x", versions[0]!);
      const torn: string[] = [];
      let done = false;
      const reading = (async () => {
        while (!done) {
          const found = await other.get("objects/x");
          if (found === undefined || !versions.some((each) => each.equals(found))) torn.push(found === undefined ? "nothing" : `${found.length} bytes`);
        }
      })();
      for (let i = 0; i < 5; i++) await Promise.all(versions.map((each, n) => (n % 2 === 0 ? one : other).put("objects/x", each)));
      done = true;
      await reading;
      expect(torn).toEqual([]);
      expect(await one.list("objects/")).toEqual(["objects/x"]);
    });

    check("repetition: putting again replaces, and what was put does not follow its buffer", async (open) => {
      const remote = open();
      const given = Buffer.from("first");
      await remote.put("a/b", given);
      given.fill("x");
      await remote.put("a/b", bytes("first"));
      (await remote.get("a/b"))!.fill(0);
      expect(text(await remote.get("a/b"))).toBe("first");
      await remote.put("a/b", bytes(""));
      expect([text(await remote.get("a/b")), await remote.has("a/b")]).toEqual(["", true]);
    });

    check("absence: nothing is undefined, false or an empty list, not an error", async (open) => {
      const remote = open();
      expect([await remote.get("a"), await remote.has("a/b/c"), await remote.list("trees/")]).toEqual([undefined, false, []]);
      await remote.put("a/b", bytes("1"));
      // A folder is no name, and a name is no folder.
      expect([await remote.get("a"), await remote.has("a"), await remote.has("a/b/c"), await remote.get("a/b/c"), await remote.list("a/b/")]).toEqual([undefined, false, false, undefined, []]);
    });

    check("lifetime: what was put is there for whoever opens it next", async (open) => {
      const odd = Buffer.from([0, 255, 10, 13, 0]);
      await open().put("trees/0123abcd/0000000001-ff.json", odd);
      expect(Buffer.from((await open().get("trees/0123abcd/0000000001-ff.json"))!).equals(odd)).toBe(true);
    });

    check("names that could lead elsewhere, or that not every place can tell apart, are refused", async (open) => {
      const remote = open();
      for (const odd of ["", "/", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.b", "A", "a b", "a\\b", "a:b", "é", "a\0b", "x".repeat(201)]) {
        expect(isRemoteName(odd), odd).toBe(false);
        await expect((async () => remote.put(odd, bytes("")))(), odd).rejects.toThrow("no name in a remote");
        await expect((async () => remote.get(odd))(), odd).rejects.toThrow("no name in a remote");
      }
    });
  });
}
