/**
 * The port of a place elsewhere that checkpoints are copied to: bytes under names, nothing more, so that a folder, a mount
 * or an object storage can be one. Asynchronous, since such a place may take its time or not answer at all, and whoever
 * looks after trees must not wait for it.
 *
 * Left out: what is copied, and what the bytes mean (operations/remote.ts).
 */

/**
 * Order: names do not depend on each other; `list` gives them sorted. Atomicity: under a name are all the bytes of one put
 * or none, also for those who read meanwhile and after a death in the middle. Repetition: putting again replaces, and the
 * same bytes change nothing. Absence: an unknown name is undefined, false or not listed; a place that is gone itself, or
 * cannot be written, is an error (REMOTE_GONE, REMOTE_UNWRITABLE) and never absence. Lifetime: once `put` has returned, the
 * bytes are there after reopening and after a power cut.
 */
export interface Remote {
  put(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Uint8Array | undefined>;
  has(name: string): Promise<boolean>;
  /** Every name that begins with this folder: "trees/". */
  list(folder: string): Promise<string[]>;
}

/** Parts of small letters, digits and ".-_" joined by "/"; no part begins with a dot. What every place can name. */
export function isRemoteName(name: string): boolean {
  return name.length <= 200 && /^[a-z0-9_-][a-z0-9._-]*(?:\/[a-z0-9_-][a-z0-9._-]*)*$/.test(name);
}
