/**
 * What hooks said while nobody attended: who was at work when is set down first, then each tree is looked at once. Trees that
 * cannot be attended are left out. The same while it happens is attend.ts.
 */
import { told, type Told } from "../agents/claude-code/calls.ts";
import type { Attendant } from "./attend.ts";
import type { Keeper } from "./keeper.ts";

export class Afterwards {
  readonly #said: { readonly what: Told; readonly time: number }[] = [];

  heed(payload: unknown, time: number): void {
    const what = told(payload);
    if (what !== undefined) this.#said.push({ what, time });
  }

  /** `open` gives undefined for a tree that cannot be attended. */
  attend(open: (cwd: string) => { readonly attendant: Attendant; readonly keeper: Keeper } | undefined): void {
    const trees = new Map<Attendant, Keeper>();
    const failed: unknown[] = [];
    // The payloads have left the spool: what one tree comes to grief over must not be lost for the others.
    const each = (body: () => void): void => {
      try {
        body();
      } catch (error) {
        failed.push(error);
      }
    };
    for (const { what, time } of this.#said) {
      each(() => {
        const tree = open(what.cwd);
        if (tree === undefined) return;
        trees.set(tree.attendant, tree.keeper);
        tree.attendant.note(what, time);
      });
    }
    for (const [attendant, keeper] of trees) {
      each(() => {
        attendant.look("turn");
        keeper.save();
      });
    }
    if (failed.length > 0) throw failed[0];
  }
}
