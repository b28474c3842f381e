/** `forget`: erases one memory or one event for good, in two steps, since nothing brings it back. */
import * as z from "zod";
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural, printable } from "../../base/text.ts";
import { asData } from "../../context/data.ts";
import { searchable } from "../../event/text.ts";
import { findForgettable, findForgettableMemories, forget, type ForgetTarget } from "../../operations/forget.ts";
import { changeHandle, keepHandle, readHandle } from "../../operations/handles.ts";
import { memories } from "../../operations/memories.ts";
import { eventNamed } from "../../operations/read-items.ts";
import { unknownHandle } from "../../operations/tree-request.ts";
import type { Store } from "../../store/store.ts";
import { tool, type Answer, type Call, type Question } from "../tool.ts";
import { text } from "./fields.ts";

export const forgetTool = tool({
  name: "forget",
  title: "Erase one thing for good",
  description: "Erase a memory or hit by its id, for good. Without token: what would go, and a token; with it: erased.",
  input: z.strictObject({ id: text("an id that recall shows", 400).optional(), token: text("the token of the first call", 200).optional() }),
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  scope: "tidemark:admin",
  run: async ({ id, token }, call) => {
    if (token !== undefined) return erase(token, call);
    if (id === undefined) throw new TidemarkError("BAD_VALUE", "forget takes an id", { hint: "Send id as recall shows it in brackets; then the token you get." });
    return show(id, call);
  },
});

/** How long it can be carried out, and its answer asked for again, in milliseconds. */
const LASTS = 60 * 60_000;

interface Unwanted {
  readonly forget: ForgetTarget;
  readonly shown: string;
  readonly answer?: string;
}

async function show(id: string, call: Call): Promise<Answer> {
  const { serving, principal, now } = call;
  const store = await serving.store();
  const target = await targetOf(store, id);
  const events = target === undefined ? [] : await findForgettable(store, target);
  const unwanted = target === undefined ? [] : await findForgettableMemories(store, target, events);
  if (target === undefined || events.length + unwanted.length === 0) return { text: `Nothing is kept under ${JSON.stringify(printable(id).slice(0, 80))}: it was erased, or never there.` };
  const known = (await memories(store)).memories;
  const lines = [...events.map(({ event }) => `${event.type}: ${clip(printable(searchable(event)), 300)}`), ...unwanted.map((each) => `memory ${each}: ${clip(printable(known.get(each)?.statement ?? ""), 300)}`)];
  const shown = lines.slice(0, 10).join("\n");
  const token = `f_${serving.newId()}`;
  keepHandle({ home: serving.home, principal }, token, { forget: target, shown } satisfies Unwanted, { now, until: now + LASTS });
  return { text: `${asData("forget", shown)}\n${plural(lines.length, "thing")} would be erased for good; nothing is yet. Ask the user, then call forget with token ${token}` };
}

async function erase(token: string, { serving, principal, now, consent }: Call): Promise<Answer | Question> {
  const handles = { home: serving.home, principal };
  const unwanted = readHandle<Unwanted>(handles, token, now);
  if (unwanted?.forget === undefined) throw unknownHandle();
  if (unwanted.answer !== undefined) return { text: unwanted.answer };
  if (consent === "unasked") return { question: `Erase this for good?\n${unwanted.shown}` };
  if (consent === "unanswered") return { text: "Nobody answered the question whether to erase this: nothing was erased." };
  if (consent === "no") return { text: "The user said no: nothing was erased." };
  const store = await serving.store();
  const still = await targetOf(store, unwanted.forget.memory ?? unwanted.forget.event ?? "");
  const { events, memories: gone, scrubbed } = still === undefined ? { events: 0, memories: 0, scrubbed: true } : await forget(store, still, now);
  const what = [...(events === 0 ? [] : [plural(events, "event")]), ...(gone === 0 ? [] : [plural(gone, "memory", "memories")])].join(" and ");
  const answer = `${what === "" ? "It is erased already." : `${what} erased for good.`}${scrubbed ? "" : " Another process still reads old pages in which the text stands; tidemark doctor empties them."}`;
  // What was shown goes, too.
  changeHandle(handles, token, { forget: unwanted.forget, shown: "", answer } satisfies Unwanted, now + LASTS);
  return { text: answer };
}

/** Undefined for what is not there, or no more: then there is nothing to erase. */
async function targetOf(store: Store, id: string): Promise<ForgetTarget | undefined> {
  if ((await memories(store)).memories.has(id)) return { memory: id };
  const found = await eventNamed(store, id);
  return found === undefined || found.erased ? undefined : { event: found.event.id };
}
