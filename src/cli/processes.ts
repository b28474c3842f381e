/** Whether a process is there. */
import { uptime } from "node:os";

/** `since` is when it says it began: a process of before this machine started is another one under the same number. */
export function isAlive(pid: number, since = Infinity): boolean {
  if (since < Date.now() - uptime() * 1000 - 60_000) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Someone else's process is alive, too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
