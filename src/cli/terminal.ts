/**
 * What a command says and how: text and tables for people, one JSON document for programs, progress on standard error.
 * Colour only on a terminal and never with NO_COLOR; tables fit the width; every line goes through `printable`, because
 * much of it was written by others: only the colours set here pass.
 */
import { printable } from "../base/text.ts";
import type { TidemarkError } from "../base/errors.ts";

export interface Streams {
  readonly stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  readonly stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  readonly noColor: boolean;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Record<Style, [number, number]> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] };

// eslint-disable-next-line no-control-regex
const OWN_CODES = new RegExp(`(\u001b\\[(?:${Object.values(CODES).flat().join("|")})m)`);

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** This column gives way when the table is too wide; of several the last one first. */
  readonly flexible?: boolean;
  readonly style?: (cell: string) => Style | undefined;
}

/** A flexible column keeps this much. */
const LEAST = 8;

export class Terminal {
  readonly #streams: Streams;
  /** Programs read the answer: nothing else may go to standard output. */
  readonly json: boolean;
  readonly #command: string;
  readonly #warnings: string[] = [];
  #progressShown = false;

  constructor(streams: Streams, command: string, json: boolean) {
    this.#streams = streams;
    this.#command = command;
    this.json = json;
  }

  get width(): number {
    return Math.max(40, this.#streams.stdout.isTTY === true ? (this.#streams.stdout.columns ?? 80) : 120);
  }

  /** The answer of the command: `data` for programs, what `say` prints for people. */
  answer(data: unknown, say: () => void): void {
    this.#clearProgress();
    if (!this.json) return say();
    this.document(JSON.stringify({ schema: this.#schema(), ok: true, data, warnings: this.#warnings }));
  }

  /** The answer where there is nothing to do or to show, which is no failure. `next`: a command, and what it does. */
  nothing(data: unknown, words: string, next: string): void {
    if (this.json) this.warn(words);
    this.answer(data, () => {
      for (const line of wrap(printable(`${words}.`), this.width).split("\n")) this.line(line);
      this.line(`  ${next}`);
    });
  }

  fail(error: TidemarkError, data?: unknown): void {
    this.#clearProgress();
    if (this.json) {
      const { code, kind, message, hint } = error;
      this.document(JSON.stringify({ schema: this.#schema(), ok: false, data: data ?? null, warnings: this.#warnings, error: { code, kind, message, hint } }));
      return;
    }
    this.#streams.stderr.write(`${this.style("red", "error", "err")} ${printable(error.message)}\n${this.style("dim", "next ", "err")} ${printable(error.hint)}\n`);
  }

  /** Something the user should know that did not stop the command. */
  warn(text: string): void {
    this.#warnings.push(text);
    if (this.json) return;
    this.#clearProgress();
    this.#streams.stderr.write(`${this.style("yellow", "note ", "err")} ${printable(text)}\n`);
  }

  /** For people, and not part of the answer: on standard error, so that a pipe does not get it. */
  aside(text: string): void {
    if (!this.json) this.#streams.stderr.write(`${this.style("dim", printable(text), "err")}\n`);
  }

  line(text = ""): void {
    const coloured = this.#streams.stdout.isTTY === true && !this.#streams.noColor;
    this.#write(coloured ? text.split(OWN_CODES).map((part, i) => (i % 2 === 0 ? printable(part) : part)).join("") : printable(text));
  }

  /** JSON, of which not a character may be lost: what a terminal would obey is written as JSON's escape of it. */
  document(text: string): void {
    this.#write(text.replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`));
  }

  /** True where a terminal shows it; otherwise it goes into a pipe or a file. */
  get shown(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** A text that another program takes as it is, such as a patch: not for a terminal, which would obey what is in it. */
  exact(text: string): void {
    if (this.shown) throw new TypeError("what is shown goes through `line`");
    this.#streams.stdout.write(text);
  }

  style(style: Style, text: string, stream: "out" | "err" = "out"): string {
    const target = stream === "out" ? this.#streams.stdout : this.#streams.stderr;
    if (target.isTTY !== true || this.#streams.noColor) return text;
    const [on, off] = CODES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const cells = rows.map((row) => row.map((cell) => printable(cell).replace(/\s+/g, " ")));
    const widths = columns.map((column, i) => Math.max(columnWidth(column.title), ...cells.map((row) => columnWidth(row[i] ?? ""))));
    for (const [i, { flexible }] of [...columns.entries()].reverse()) {
      const over = widths.reduce((sum, width) => sum + width, 0) + 2 * (columns.length - 1) - this.width;
      if (flexible === true && over > 0) widths[i] = Math.max(Math.min(widths[i]!, LEAST), widths[i]! - over);
    }
    const put = (row: readonly string[], styled: (cell: string, i: number) => string): void => {
      const parts = row.map((cell, i) => {
        const fitted = fit(cell, widths[i]!);
        const gap = " ".repeat(Math.max(0, widths[i]! - columnWidth(fitted)));
        return columns[i]!.align === "right" ? gap + styled(fitted, i) : styled(fitted, i) + gap;
      });
      this.line(parts.join("  ").trimEnd());
    };
    put(columns.map(({ title }) => title), (cell) => this.style("dim", cell));
    for (const row of cells) {
      put(row, (cell, i) => {
        const style = columns[i]!.style?.(cell);
        return style === undefined ? cell : this.style(style, cell);
      });
    }
  }

  /** A bar on a terminal, nothing in a pipe. */
  progress(label: string, done: number, total: number): void {
    if (this.#streams.stderr.isTTY !== true || total === 0) return;
    const share = Math.min(1, done / total);
    const cells = Math.max(10, Math.min(30, (this.#streams.stderr.columns ?? 80) - label.length - 12));
    const full = Math.round(share * cells);
    this.#streams.stderr.write(`\r\u001b[2K${"█".repeat(full)}${"░".repeat(cells - full)} ${String(Math.round(share * 100)).padStart(3)}% ${label}`);
    this.#progressShown = true;
  }

  #clearProgress(): void {
    if (this.#progressShown) this.#streams.stderr.write("\r\u001b[2K");
    this.#progressShown = false;
  }

  #schema(): string {
    return `tidemark/${this.#command}/1`;
  }

  #write(text: string): void {
    this.#streams.stdout.write(`${text}\n`);
  }
}

/** Columns a text takes: wide characters two, combining marks none. Escape codes are not expected here. */
export function columnWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x300) width += 1;
    else if ((code <= 0x36f && code >= 0x300) || code === 0x200d || (code >= 0xfe00 && code <= 0xfe0f)) continue;
    else width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]/u.test(character) ? 2 : 1;
  }
  return width;
}

/** Of any number of texts; a call can take only so many. */
export function widestOf(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, columnWidth(text)), 0);
}

function fit(text: string, width: number): string {
  if (columnWidth(text) <= width) return text;
  let taken = "";
  for (const character of text) {
    if (columnWidth(taken + character) > width - 1) break;
    taken += character;
  }
  return `${taken.trimEnd()}…`;
}

/** Wraps at words to a width; further lines begin with `indent`. */
export function wrap(text: string, width: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && columnWidth(`${line} ${word}`) > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join("\n");
}
