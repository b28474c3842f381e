/** The remote in memory keeps to the port. */
import { describeRemote } from "../remote.suite.ts";
import { openInProcessRemote, type RemotePlace } from "./remote.ts";

describeRemote("memory", () => {
  const place: RemotePlace = new Map();
  return { open: () => openInProcessRemote(place), remove: () => place.clear() };
});
