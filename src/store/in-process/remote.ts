/** A remote in memory: for tests, and as the second implementation that shows what the port says and what a folder merely does. */
import { TidemarkError } from "../../base/errors.ts";
import { isRemoteName, type Remote } from "../remote.ts";

/** What was put lives here, so that it can be opened again. */
export type RemotePlace = Map<string, Uint8Array>;

export function openInProcessRemote(place: RemotePlace = new Map()): Remote {
  const named = (name: string): string => {
    if (!isRemoteName(name)) throw new TidemarkError("INTERNAL", `${JSON.stringify(name)} is no name in a remote`);
    return name;
  };
  return {
    put: async (name, bytes) => void place.set(named(name), Uint8Array.from(bytes)),
    get: async (name) => {
      const bytes = place.get(named(name));
      return bytes === undefined ? undefined : Uint8Array.from(bytes);
    },
    has: async (name) => place.has(named(name)),
    list: async (folder) => [...place.keys()].filter((name) => name.startsWith(`${named(folder.replace(/\/$/, ""))}/`)).sort(),
  };
}
