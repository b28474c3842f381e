/**
 * Taking what was said into the passages that can be recalled. Apart from recording, so that no hook and no append waits
 * for it: after an import, after a drain, and whatever is left before an answer.
 */
import type { Store } from "../store/store.ts";

/** Events at a time: a transaction of about 50 ms where half of them are words. */
export const PAGE = 500;

export async function takeInPassages(store: Store, progress?: (done: number, total: number) => void): Promise<void> {
  for (let before = -1; ; ) {
    const { position, head } = await store.takePassages(PAGE);
    // Another process may have gone further meanwhile; one that does not move has nothing left to do.
    if (position >= head || position === before) return;
    before = position;
    progress?.(position, head);
    // An engine answers hooks in between.
    await new Promise((done) => setImmediate(done));
  }
}
