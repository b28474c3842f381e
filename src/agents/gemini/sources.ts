/**
 * Where Gemini CLI keeps its chats, and which project one is of: the folder of a project is called by a short name (before 0.5x
 * by the hash of its path), and the path stands beside the chats or in a list. Everything is only read.
 */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { sha256Hex } from "../../base/hash.ts";
import { isRecord } from "../../base/json.ts";
import { UnreadableSource } from "../history.ts";
import type { Places } from "../places.ts";

/** `GEMINI_CLI_HOME` stands for the home folder. */
export function chatFolders({ home, environment }: Places): string[] {
  return [join(resolve(environment["GEMINI_CLI_HOME"] || home), ".gemini", "tmp")];
}

const CHAT = /[\\/]chats[\\/]session-[^\\/]*\.jsonl?$/;
/** A subagent's, in a folder that is called like the conversation that started it. */
const SUBAGENT = /[\\/]chats[\\/]([^\\/]+)[\\/][^\\/]+\.jsonl$/;

export const isChat = (path: string): boolean => CHAT.test(path) || SUBAGENT.test(path);

export const startsAsChat = (head: Buffer): boolean => /^\s*\{\s*"sessionId":\s*"[^"]*",\s*"projectHash":/.test(head.toString("utf8"));

export const parentOf = (path: string): string | undefined => SUBAGENT.exec(path)?.[1];

export const isDocument = (path: string, head: Buffer): boolean => path.endsWith(".json") || /^\s*\{\s*\n/.test(head.toString("utf8"));

/** The records that the client would write today for a chat of the older format. */
export async function documentRecords(path: string): Promise<object[]> {
  try {
    const value: unknown = JSON.parse((await readFile(path, "utf8")).replace(/^\uFEFF/, ""));
    if (!isRecord(value) || !Array.isArray(value["messages"])) throw new UnreadableSource("not a chat of Gemini CLI");
    const { messages, ...head } = value;
    return [head, ...messages.filter(isRecord)];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UnreadableSource("damaged or torn: not valid JSON");
  }
}

/** The project's own folder, where the files around the chat say so. */
export async function rootOf(path: string): Promise<string | undefined> {
  const chats = SUBAGENT.test(path) ? dirname(dirname(path)) : dirname(path);
  const folder = dirname(chats);
  const root = (await textOf(join(folder, ".project_root")))?.trim();
  if (root !== undefined && root !== "") return root;
  try {
    const list: unknown = JSON.parse((await textOf(join(dirname(dirname(folder)), "projects.json"))) ?? "{}");
    const projects = isRecord(list) && isRecord(list["projects"]) ? list["projects"] : {};
    return Object.keys(projects).find((each) => projects[each] === basename(folder) || sha256Hex(each) === basename(folder));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "EISDIR") return undefined;
    throw error;
  }
}
