/** A process of its own that copies checkpoints to their remote, started by tests: `node copier.mjs HOME`. It says when it begins and when it is done. */
import { writeSync } from "node:fs";
import { copyOut, openRemote } from "../../src/operations/remote.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";

const home = process.argv[2]!;
const store = openCheckpointStore(home);
const { remote } = (await openRemote(home))!;
writeSync(1, '{"began":true}\n');
const done = await copyOut(store, remote, { clock: () => performance.now(), ms: Infinity, environment: {} });
writeSync(1, `${JSON.stringify(done)}\n`);
store.close();
