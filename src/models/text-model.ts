/**
 * What a model is: a question in, words out, with what that took. Whoever has one passes it to the operations that may ask
 * one; without one everything works by rules. Here the check of what one gives, and the choice of a client; the clients
 * stand beside. What the words mean is for who asked to find out (memory/proposals.ts, memory/judging.ts).
 */
import { TidemarkError } from "../base/errors.ts";
import { agentAnswer, type AgentPlace } from "./agent.ts";
import { anthropicAnswer } from "./anthropic.ts";
import type { Question, Said, Server, ServerKind } from "./endpoint.ts";
import { ollamaAnswer } from "./ollama.ts";
import { openaiAnswer } from "./openai.ts";

export type { Question } from "./endpoint.ts";

export interface Answered {
  readonly text: string;
  /** Tokens as the model counts them; undefined where it does not say. */
  readonly input: number | undefined;
  readonly output: number | undefined;
  /** US dollars, where it says so itself. */
  readonly cost: number | undefined;
  /** It had more to say than it was allowed. */
  readonly cut: boolean;
}

export interface TextModel {
  /** Kind and model. */
  readonly name: string;
  /** `timeout` in milliseconds. Refused: MODEL_DOWN, MODEL_REFUSED, MODEL_GARBLED. */
  ask(question: Question, timeout: number): Promise<Answered>;
}

export type ModelPlace = (Server & { readonly kind: ServerKind }) | AgentPlace;

const ANSWERS: Readonly<Record<ServerKind, (server: Server, question: Question, timeout: number) => Promise<Said>>> = { anthropic: anthropicAnswer, ollama: ollamaAnswer, openai: openaiAnswer };

export function modelAt(place: ModelPlace): TextModel {
  const name = `${place.kind} ${place.model}`;
  const said = (question: Question, timeout: number): Promise<Said> => (place.kind === "agent" ? agentAnswer(place, question, timeout) : ANSWERS[place.kind](place, question, timeout));
  return { name, ask: async ({ system, text, most }, timeout) => checked(await said({ system: system.toWellFormed(), text: text.toWellFormed(), most }, timeout), name) };
}

/** In the words of each API. */
const CUT = new Set<unknown>(["max_tokens", "length", "model_context_window_exceeded"]);

function checked({ text, input, output, cost, ended }: Said, name: string): Answered {
  if (typeof text !== "string" || text.trim() === "") throw new TidemarkError("MODEL_GARBLED", `${name} gave no words${typeof ended === "string" ? ` (${ended.slice(0, 60)})` : ""}`);
  return { text, input: counted(input), output: counted(output), cost: typeof cost === "number" && Number.isFinite(cost) && cost >= 0 ? cost : undefined, cut: CUT.has(ended) };
}

function counted(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
