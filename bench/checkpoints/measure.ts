/** Taking and printing measurements: CPU first, since wall time says more about what else runs on the machine. */
import { spawnSync } from "node:child_process";
import { lstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Cost {
  /** Milliseconds of user and system time, of all threads. */
  readonly cpu: number;
  readonly wall: number;
}

export function cost(body: () => unknown): Cost {
  const from = performance.now();
  const before = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1000, wall: performance.now() - from };
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** The nearest one that was measured, but for a median between two. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (share === 0.5 && sorted.length % 2 === 0) return (sorted[middle - 1]! + sorted[middle]!) / 2;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function ms(number: number): string {
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

export const sleep = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** The floor: lstat of a list of paths, and nothing else. */
export interface Floor {
  readonly name: string;
  readonly run: () => Cost;
}

const C = `#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
static double cpu(void) { struct rusage r; getrusage(RUSAGE_SELF, &r); return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3; }
static double wall(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e3 + t.tv_nsec / 1e6; }
int main(int n, char **v) {
  FILE *f = fopen(v[2], "rb"); if (!f || chdir(v[1])) return 1;
  fseek(f, 0, SEEK_END); long size = ftell(f); rewind(f);
  char *all = malloc(size + 1); if (fread(all, 1, size, f) != (size_t)size) return 1; all[size] = 0;
  double c = cpu(), w = wall(); long sum = 0; struct stat s;
  for (char *p = all; p < all + size; p += strlen(p) + 1) if (!lstat(p, &s)) sum += s.st_mtim.tv_nsec & 1;
  printf("%f %f %ld\\n", cpu() - c, wall() - w, sum);
  return 0;
}
`;

export function buildFloor(folder: string): string | undefined {
  writeFileSync(join(folder, "lstat.c"), C);
  const program = join(folder, "lstat");
  return spawnSync("cc", ["-O2", "-o", program, join(folder, "lstat.c")]).status === 0 ? program : undefined;
}

export function floorOf(program: string | undefined, root: string, paths: readonly string[], list: string): Floor {
  if (program === undefined) return { name: "Node lstat (no C compiler here)", run: () => cost(() => paths.forEach((path) => lstatSync(`${root}/${path}`))) };
  writeFileSync(list, paths.join("\0"));
  return {
    name: "C lstat",
    run: () => {
      const { status, stdout } = spawnSync(program, [root, list], { encoding: "utf8" });
      if (status !== 0) throw new Error("the C program failed");
      const [cpu, wall] = stdout.split(" ").map(Number);
      return { cpu: cpu!, wall: wall! };
    },
  };
}
