/**
 * How near two vectors are, and which of many are nearest. Pure; shared by every store (store.ts: VectorIndex). Where vectors
 * come from is not known here.
 */

/**
 * A byte for each number, in parts of the largest: how near two are depends on directions alone. A quarter of the size,
 * and an angle that is off by less than a degree (vectors.test.ts).
 */
export function packed(vector: Float32Array): Int8Array {
  const largest = vector.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  return Int8Array.from(vector, (each) => (largest === 0 ? 0 : Math.round((each / largest) * 127)));
}

/** The cosine of the angle between two of one length. */
export function cosine(a: Int8Array, b: Int8Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** What any text is to any other differs between embedders, from 0 to 0.8: only what is nearer than that says anything. */
const LEAST = 0.25;
/** One passage alone says nothing about what is usual: as many as these that have nothing in common with the question are added. */
const UNRELATED = 1;

/** The nearest by key, best first. `vectors` is gone through once. */
export function nearest<K>(vectors: Iterable<readonly [K, Int8Array]>, vector: Float32Array, limit: number): { key: K; score: number }[] {
  const wanted = packed(vector);
  const all: { key: K; score: number }[] = [];
  let sum = 0;
  for (const [key, each] of vectors) {
    // One that was damaged is near to nothing.
    if (each.length !== wanted.length) continue;
    const score = cosine(wanted, each);
    sum += score;
    all.push({ key, score });
  }
  const usual = Math.max(0, sum / (all.length + UNRELATED));
  const lift = (score: number): number => (usual >= 1 ? 0 : (score - usual) / (1 - usual));
  return all.map(({ key, score }) => ({ key, score: lift(score) })).filter(({ score }) => score >= LEAST).sort((a, b) => b.score - a.score).slice(0, limit);
}
