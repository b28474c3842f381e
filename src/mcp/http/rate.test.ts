/** How often one caller may ask, by a clock of the test. */
import { expect, test } from "vitest";
import { take, type Bucket } from "./rate.ts";

const rate = { burst: 3, perSecond: 2 };

test("so many at once, then at a steady pace", () => {
  let bucket: Bucket | undefined;
  const ask = (many: number, now: number): number => {
    const taken = take(bucket, many, now, rate);
    bucket = taken.bucket;
    return taken.wait;
  };
  expect([ask(1, 0), ask(1, 0), ask(1, 0)]).toEqual([0, 0, 0]);
  expect(ask(1, 0)).toBe(0.5);
  expect(ask(1, 499)).toBeGreaterThan(0);
  expect(ask(1, 500)).toBe(0);
  expect(ask(1, 500)).toBeGreaterThan(0);
});

test("asking in vain does not put off the time at which it is let through", () => {
  let bucket = take(undefined, 3, 0, rate).bucket;
  for (let now = 0; now < 500; now += 10) bucket = take(bucket, 1, now, rate).bucket;
  expect(take(bucket, 1, 500, rate).wait).toBe(0);
});

test("a pause fills the bucket and no more, and a clock that goes back takes nothing away", () => {
  const { bucket } = take(undefined, 3, 1000, rate);
  expect(take(bucket, 3, 1_000_000, rate)).toEqual({ bucket: { left: 0, at: 1_000_000 }, wait: 0 });
  expect(take({ left: 2, at: 1000 }, 2, 0, rate).wait).toBe(0);
});

test("more than the bucket holds waits for a full one, and empties it", () => {
  expect(take(undefined, 100, 0, rate)).toEqual({ bucket: { left: 0, at: 0 }, wait: 0 });
  expect(take({ left: 0, at: 0 }, 100, 0, rate).wait).toBe(1.5);
});
