/**
 * What was looked up of passages, kept for the next question of the same process: where words stand, who speaks, and the
 * texts of the best. All of it is dropped once anything was written to the log, here or by another process, so an answer
 * never differs from one that was looked up; a command that asks once gains nothing and loses nothing.
 */
import type { Key, ReadPassage } from "../recall-rank.ts";
import type { Prepared } from "./files.ts";

/** Places and texts that are kept, at most: about 16 MB and 4 MB. */
const PLACES = 2_000_000;
const TEXTS = 2000;
/** Characters of a text that is kept. */
const LONGEST = 2000;

export class PassageCache {
  readonly #places = new Map<string, readonly number[]>();
  readonly #texts = new Map<Key, ReadPassage>();
  #count = 0;
  #version: number | undefined;
  #about: { readonly total: number; readonly speakers: readonly string[] } | undefined;

  /** To be called before each question, within its transaction. */
  refresh(log: Prepared): void {
    // Changes with every commit of another connection; what this one writes, the store tells by `drop`.
    const version = Number(log.sql("PRAGMA data_version").get()?.["data_version"]);
    if (version !== this.#version) this.drop();
    this.#version = version;
  }

  drop(): void {
    this.#places.clear();
    this.#texts.clear();
    this.#count = 0;
    this.#about = undefined;
  }

  about(find: () => { total: number; speakers: readonly string[] }): { readonly total: number; readonly speakers: readonly string[] } {
    return (this.#about ??= find());
  }

  places(what: string, find: () => readonly number[]): readonly number[] {
    const known = this.#places.get(what);
    if (known !== undefined) return known;
    const found = find();
    this.#count += found.length + 10;
    if (this.#count > PLACES) {
      this.#places.clear();
      this.#count = found.length;
    }
    this.#places.set(what, found);
    return found;
  }

  text(key: Key): ReadPassage | undefined {
    return this.#texts.get(key);
  }

  keep(passage: ReadPassage): void {
    const { event } = passage;
    // A piece keeps its whole event alive.
    if (!("text" in event.payload) || String(event.payload.text).length > LONGEST) return;
    if (this.#texts.size >= TEXTS) this.#texts.clear();
    this.#texts.set(passage.key, passage);
  }
}
