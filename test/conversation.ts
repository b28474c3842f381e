/**
 * A session told in a few lines: `conversation((c) => { c.user("fix it"); c.call("Bash", {…}, "ok"); c.agent("done") })`.
 * Records hang below each other in the order they are told.
 */
import type { Event } from "../src/event/schema.ts";
import { event, START } from "./builders.ts";

export class Conversation {
  readonly events: Event[] = [];
  readonly #session: string;
  #record = 0;
  #call = 0;
  #parent: string | undefined;

  constructor(session: string, project: string) {
    this.#session = session;
    this.events.push(event("session.started", { cwd: project, project, branch: "main", source: "transcript" }, { id: `${session}:started`, session, time: START }));
  }

  /** The record told last, to go back to. */
  get last(): string | undefined {
    return this.#parent;
  }

  backTo(record: string | undefined): void {
    this.#parent = record;
  }

  user(text: string): void {
    const place = this.#next();
    this.events.push(event("prompt", { text, kind: "user" }, { ...place, id: `${place.record}#0` }));
  }

  agent(text: string): void {
    const place = this.#next();
    this.events.push(event("answer", { text }, { ...place, id: `${place.record}#0` }));
  }

  /** Without an output the call is left open. */
  call(tool: string, input: Record<string, unknown>, output?: string, how: "returned" | "failed" | "rejected" = "returned"): void {
    const id = `call-${this.#session}-${(this.#call += 1)}`;
    this.events.push(event("tool.called", { tool, input }, { ...this.#next(), id }));
    if (output === undefined) return;
    const place = { ...this.#next(), id: `${id}:result` };
    if (how === "returned") this.events.push(event("tool.returned", { call: id, output }, place));
    else this.events.push(event("tool.failed", { call: id, error: output, ...(how === "rejected" ? { rejected: true } : {}) }, place));
    const path = input["file_path"];
    if (typeof path === "string" && how === "returned") this.events.push(event("files.touched", { call: id, files: [{ path, change: tool === "Read" ? "read" : tool === "Write" ? "created" : "edited" }] }, { ...place, id: `${id}:files` }));
  }

  plan(tasks: { content: string; status: "pending" | "in_progress" | "completed" }[]): void {
    this.call("TodoWrite", { todos: tasks }, "Todos have been modified");
    this.events.push(event("task.noted", { whole: true, tasks }, { session: this.#session, id: `call-${this.#session}-${this.#call}:tasks` }));
  }

  stopped(): void {
    this.events.push(event("turn.ended", { how: "interrupted" }, this.#next()));
  }

  #next(): { record: string; session: string; parent?: string } {
    const record = `${this.#session}-record-${(this.#record += 1)}`;
    const parent = this.#parent;
    this.#parent = record;
    return { record, session: this.#session, ...(parent === undefined ? {} : { parent }) };
  }
}

export function conversation(tell: (c: Conversation) => void, project = "/work/app", session = "s1"): Event[] {
  const told = new Conversation(session, project);
  tell(told);
  // The same telling gives the same events.
  return told.events.map((each, i) => ({ ...each, time: START + i * 1000 }));
}
