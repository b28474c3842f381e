/**
 * A handle for taking up work, since the protocol has no session of ours: which project it is about, and the session that is
 * gone on from. It spares naming them again, and says to a handoff whose work it is about. It opens nothing that could not be
 * asked for without it.
 */
import { TidemarkError } from "../base/errors.ts";
import { keepHandle, readHandle } from "../operations/handles.ts";
import { folderOf } from "./serving.ts";
import type { Call } from "./tool.ts";

export interface Place {
  readonly cwd: string;
  readonly session?: string;
}

/** A day of work, in milliseconds. */
const LASTS = 24 * 60 * 60_000;

export function newHandle({ serving, principal, now }: Call, value: Place): string {
  const handle = `s_${serving.newId()}`;
  keepHandle({ home: serving.home, principal }, handle, { place: value }, { now, until: now + LASTS });
  return handle;
}

/** Where a call is about: by its handle, else by its project, else where the server was started. */
export function placeOfCall({ serving, principal, now }: Call, { handle, project }: { readonly handle?: string | undefined; readonly project?: string | undefined }): Place {
  if (handle === undefined) return { cwd: folderOf(serving, project) };
  const found = readHandle<{ readonly place?: Place }>({ home: serving.home, principal }, handle, now)?.place;
  if (found === undefined) throw new TidemarkError("HANDLE_UNKNOWN", "There is no such handle here, or its time is over", { hint: "Leave `handle` out, or call resume for a new one." });
  return project === undefined ? found : { ...found, cwd: folderOf(serving, project) };
}
