/**
 * The spool: where hooks leave their payloads, one file each, until they are taken in (drain.ts). It is the only place
 * with unredacted text. The shell line that `init` wires writes into the same folder (agents/claude-code/install.ts).
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function spoolFolder(home: string): string {
  return join(home, "spool");
}

/** Whole or not at all: the name ends in `.json` only once everything is written. */
export function spool(home: string, bytes: Uint8Array): void {
  const folder = spoolFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // No other process has this number at this moment of this machine's clock since it was started.
  const path = join(folder, `${process.pid}-${process.hrtime.bigint()}`);
  writeFileSync(`${path}.part`, bytes, { mode: 0o600, flag: "wx" });
  renameSync(`${path}.part`, `${path}.json`);
}
