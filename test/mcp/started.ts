/** A server over HTTP that ends with its test. */
import { onTestFinished } from "vitest";
import { startHttp, type Started, type Starting } from "./http.ts";

export async function start(starting: Starting = {}): Promise<Started> {
  const started = await startHttp(starting);
  onTestFinished(started.remove);
  return started;
}
