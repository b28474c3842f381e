/** The suite on the store in memory: a place is the object its handles share. */
import { describeEventStore, describeSessionIndex, type Place } from "../store.suite.ts";
import { newPlace, openInProcessStore } from "./store.ts";

async function makePlace(): Promise<Place> {
  const place = newPlace();
  return { open: () => openInProcessStore(place), remove: async () => undefined };
}

describeEventStore("in-process", makePlace);
describeSessionIndex("in-process", makePlace);
