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

/** What any text is to any other differs between embedders, from 0 to 0.8: only what is nearer than that says anything. */
const LEAST = 0.25;
/** One passage alone says nothing about what is usual: as many as these that have nothing in common with the question are added. */
const UNRELATED = 1;

/** Many vectors of one length, one behind the other: a third of the time that as many small arrays take. */
export class VectorBlock<K> {
  readonly keys: readonly K[];
  readonly #bytes: Int8Array;
  /** Length of each, squared. */
  readonly #squares: Float64Array;
  readonly #dimension: number;

  /** Gone through once. One of another length was damaged, and is left out. */
  constructor(vectors: Iterable<readonly [K, Int8Array]>, dimension: number) {
    const keys: K[] = [];
    let bytes = new Int8Array(dimension * 64);
    for (const [key, vector] of vectors) {
      if (vector.length !== dimension) continue;
      const at = keys.length * dimension;
      if (at + dimension > bytes.length) {
        const more = new Int8Array(bytes.length * 2);
        more.set(bytes);
        bytes = more;
      }
      bytes.set(vector, at);
      keys.push(key);
    }
    [this.keys, this.#bytes, this.#dimension] = [keys, bytes, dimension];
    this.#squares = new Float64Array(keys.length);
    for (let i = 0; i < keys.length; i++) this.#squares[i] = dot(bytes, i * dimension, bytes, i * dimension, dimension);
  }

  /** The cosine of the angle between this and each of those that pass, in their order. */
  *cosines(wanted: Int8Array, passes: (key: K) => boolean): Generator<readonly [K, number]> {
    if (wanted.length !== this.#dimension) return;
    const dimension = this.#dimension;
    const own = dot(wanted, 0, wanted, 0, dimension);
    for (let i = 0; i < this.keys.length; i++) {
      const key = this.keys[i]!;
      if (!passes(key)) continue;
      const both = own * this.#squares[i]!;
      yield [key, both === 0 ? 0 : dot(wanted, 0, this.#bytes, i * dimension, dimension) / Math.sqrt(both)];
    }
  }
}

/** One small function for all of it: the engine has it compiled after a few hundred vectors. */
function dot(a: Int8Array, from: number, b: Int8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[from + i]! * b[at + i]!;
  return sum;
}

/** The nearest by key, best first, of those that pass. */
export function nearest<K>(block: VectorBlock<K>, vector: Float32Array, limit: number, passes: (key: K) => boolean = () => true): { key: K; score: number }[] {
  const all = Array.from(block.cosines(packed(vector), passes), ([key, score]) => ({ key, score }));
  const usual = Math.max(0, all.reduce((sum, { score }) => sum + score, 0) / (all.length + UNRELATED));
  const lift = (score: number): number => (usual >= 1 ? 0 : (score - usual) / (1 - usual));
  return all.map(({ key, score }) => ({ key, score: lift(score) })).filter(({ score }) => score >= LEAST).sort((a, b) => b.score - a.score).slice(0, limit);
}
