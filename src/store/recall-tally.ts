/**
 * What the words of a question are worth in each passage, summed up in arrays. Places of one conversation lie side by
 * side, so a word that lends itself to its neighbours is a look-up for its page and additions; a map by passage took half
 * of the time of a question. Pure; knows nothing of what the weights mean.
 */

/** A passage's place; those said one after the other follow each other by one. */
type Key = number;

/** Places side by side. A rare word in a large store touches a page for each place, so pages are small. */
const PAGE = 16;

/** One word's weights: of the place with this index, this much. */
export interface Weights {
  readonly at: Int32Array;
  readonly weight: Float64Array;
}

/** What a word lends to the places around it, by distance. */
export type Around = readonly (readonly [distance: number, weight: number])[];

export class Tally {
  readonly #pages = new Map<number, number>();
  /** The key of each page's first place. */
  readonly #starts: number[] = [];
  #last = -1;
  #base = 0;
  #sums = new Float64Array(1024);
  #word = new Float64Array(1024);
  #touched = new Int32Array(1024);

  /** The weights of one word: 1 in each passage that holds it, and around it what `around` gives; a passage gets all that it is given. */
  spread(places: readonly number[], around: (place: number) => Around): Weights {
    let count = 0;
    if (this.#touched.length < places.length * 8) this.#touched = new Int32Array(places.length * 8);
    for (const place of places) {
      const key = Math.floor(place / 2);
      for (const [distance, weight] of around(place)) {
        const index = this.#indexOf(key + distance);
        if (this.#word[index] === 0) this.#touched[count++] = index;
        this.#word[index]! += weight;
      }
    }
    const at = this.#touched.slice(0, count);
    const weight = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      weight[i] = this.#word[at[i]!]!;
      this.#word[at[i]!] = 0;
    }
    return { at, weight };
  }

  add({ at, weight }: Weights, worth: (weight: number) => number): void {
    for (let i = 0; i < at.length; i++) this.#sums[at[i]!]! += worth(weight[i]!);
  }

  sumOf(key: Key): number {
    return this.#sums[this.#indexOf(key)]!;
  }

  /** The places with the highest sums, the newest first among equals. */
  best(count: number): Key[] {
    const bound = this.#bound(count);
    const found: { key: Key; sum: number }[] = [];
    const size = this.#starts.length * PAGE;
    for (let i = 0; i < size; i++) if (this.#sums[i]! > 0 && this.#sums[i]! >= bound) found.push({ key: this.#starts[Math.floor(i / PAGE)]! + (i % PAGE), sum: this.#sums[i]! });
    return found.sort((a, b) => b.sum - a.sum || b.key - a.key).slice(0, count).map(({ key }) => key);
  }

  /** One word's weights in these passages, in their order. */
  of(keys: readonly Key[], words: readonly Weights[]): Float64Array[] {
    const rows = new Int32Array((this.#starts.length + keys.length) * PAGE);
    for (const [i, key] of keys.entries()) rows[this.#indexOf(key)] = i + 1;
    return words.map(({ at, weight }) => {
      const row = new Float64Array(keys.length + 1);
      // What is asked for by nobody goes to the first cell.
      for (let i = 0; i < at.length; i++) row[rows[at[i]!]!] = weight[i]!;
      return row.subarray(1);
    });
  }

  /** Few of many are wanted: those below a sum that certainly enough others reach need no sorting. */
  #bound(count: number): number {
    const size = this.#starts.length * PAGE;
    const step = Math.ceil(size / 4096);
    if (size < count * 8) return 0;
    const sample = new Float64Array(Math.ceil(size / step));
    for (let i = 0; i * step < size; i++) sample[i] = this.#sums[i * step]!;
    sample.sort();
    const bound = sample[Math.max(0, sample.length - 9 - Math.ceil((2 * count * sample.length) / size))]!;
    let reached = 0;
    for (let i = 0; i < size && reached < count; i++) if (this.#sums[i]! >= bound) reached += 1;
    return reached >= count ? bound : 0;
  }

  #indexOf(key: Key): number {
    const page = Math.floor(key / PAGE);
    if (page !== this.#last) {
      this.#last = page;
      this.#base = this.#pages.get(page) ?? this.#open(page);
    }
    return this.#base + (key - page * PAGE);
  }

  #open(page: number): number {
    const base = this.#starts.length * PAGE;
    this.#pages.set(page, base);
    this.#starts.push(page * PAGE);
    if (base + PAGE > this.#sums.length) {
      this.#sums = grown(this.#sums);
      this.#word = grown(this.#word);
    }
    return base;
  }
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
