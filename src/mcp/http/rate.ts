/** How often one caller may ask: a bucket that fills at a steady pace, and of which each message takes one. Pure. */

export interface Rate {
  /** What a caller may have at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
}

export interface Bucket {
  readonly left: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** `wait`: seconds until so many may be had; 0 when they were taken. */
export function take(bucket: Bucket | undefined, many: number, now: number, { burst, perSecond }: Rate): { readonly bucket: Bucket; readonly wait: number } {
  const passed = bucket === undefined ? 0 : Math.max(0, now - bucket.at) / 1000;
  const left = bucket === undefined ? burst : Math.min(burst, bucket.left + passed * perSecond);
  // More than can ever be had at once is let through a full bucket, which it leaves empty.
  const needed = Math.min(many, burst);
  if (left < needed) return { bucket: { left, at: now }, wait: (needed - left) / perSecond };
  return { bucket: { left: left - needed, at: now }, wait: 0 };
}
