/** Which real clients a suite is run with. What it is not run with is a skipped test that says why, and no client at all is said at the end. */
import { afterAll, test } from "vitest";
import { clients, type Client } from "./client.ts";

export type Present = Extract<Client, { readonly binary: string }>;

/** To be asked once for each file. */
export async function presentClients(): Promise<Present[]> {
  const found = await clients();
  const present = found.filter((client) => "binary" in client);
  for (const client of found) if ("missing" in client) test(`everything with the real client ${client.version}`, (context) => context.skip(client.missing));
  afterAll(() => {
    if (present.length === 0) process.stderr.write("\n*** NO REAL CLIENT WAS TESTED\n\n");
  });
  return present;
}
