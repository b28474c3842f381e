/**
 * What a checkpoint changed, as a patch for someone who is not at this machine's terminal: secrets are taken out, and of files
 * that hold nothing but settings and keys nothing is shown. Checkpoints themselves keep every byte.
 */
import { baseName } from "../base/text.ts";
import { redactText } from "../event/redact.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { Bytes, diffFiles, type Source } from "./compare.ts";

/** Local settings and keys, by name. */
const PRIVATE = /^\.env(?:\..*)?$|^\.(?:npmrc|pypirc|netrc|git-credentials|htpasswd|pgpass)$|^id_(?:rsa|dsa|ecdsa|ed25519)$|\.(?:pem|key|p12|pfx|jks|keystore|kdbx)$|^(?:credentials|secrets?)(?:\..*)?$/i;

export interface CheckpointPatch {
  readonly id: string;
  /** The tree it is of. */
  readonly tree: string;
  readonly text: string;
}

/** Of the checkpoint with an id that begins so, in whatever tree; undefined where there is none, or more than one. */
export function checkpointPatch(store: CheckpointStore, id: string, environment: Source["environment"]): CheckpointPatch | undefined {
  const found = /^[0-9a-f]{8,16}$/.test(id) ? store.trees().flatMap((tree) => store.checkpoints(tree).filter((each) => each.id.startsWith(id))) : [];
  const [checkpoint] = found;
  if (checkpoint === undefined || found.length > 1) return undefined;
  const { seq, tree } = checkpoint;
  const files = diffFiles(store.changes(seq), new Bytes({ store, root: tree, environment }));
  const text = files.map(({ path, patch, change, note }) => (PRIVATE.test(baseName(path)) ? `${change} ${path.toWellFormed()} (settings or keys: not shown)\n` : patch === "" ? `${change} ${path.toWellFormed()}${note === undefined ? "" : ` (${note})`}\n` : patch));
  return { id: checkpoint.id, tree, text: redactText(text.join("")).text };
}

