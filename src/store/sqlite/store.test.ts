/** The suite on SQLite: a place is a folder, and what only a store on disk can get wrong. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeEventStore, describeSessionIndex, type Place } from "../store.suite.ts";
import { openSqliteStore } from "./store.ts";

async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-store-"));
  return { open: () => openSqliteStore(folder), remove: () => rm(folder, { recursive: true }) };
}

describeEventStore("sqlite", makePlace);
describeSessionIndex("sqlite", makePlace);
