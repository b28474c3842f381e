/**
 * A small reader of shell text: which commands it runs, with which words, and where it writes. Pure. It knows quotes,
 * lists, pipes, subshells, substitutions, loops, redirections and here-documents; what it does not know (functions,
 * case, arrays) gives undefined rather than half an answer. It expands nothing: a word that is only known when it runs
 * is marked so.
 */

export interface Word {
  /** With quotes taken away; an expansion inside it stands as a NUL. */
  readonly text: string;
  /** It may become something else, or several words: an expansion without quotes, one at its beginning, a pattern at its beginning. */
  readonly dynamic: boolean;
}

export interface Command {
  /** The program and its arguments; empty for a mere assignment or redirection. */
  readonly words: readonly Word[];
  /** Paths that its output goes to, other than /dev/null and its own streams. */
  readonly writes: readonly { readonly path: string; readonly truncates: boolean }[];
  /** Names of the variables that are set for it. */
  readonly assigns: readonly string[];
}

export interface Script {
  readonly commands: readonly Command[];
  /** Something in it is started without waiting for it. */
  readonly background: boolean;
}

class NotUnderstood extends Error {}

/** Undefined where any of it is not understood. */
export function parseShell(text: string): Script | undefined {
  if (text.length > LONGEST || text.includes("\0")) return undefined;
  const reader = new Reader(text);
  try {
    reader.list(undefined, 0);
    return { commands: reader.commands, background: reader.background };
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

const LONGEST = 200_000;
const DEEPEST = 20;

/**
 * The commands of a text that is not understood, as a glance would find them: cut at whatever could end a command, quotes
 * dropped. Good for looking for what is dangerous, never for showing that nothing is.
 */
export function roughly(text: string): Command[] {
  return text
    .slice(0, LONGEST)
    .split(/[;&|\n(){}`"']+|\bthen\b|\bdo\b/)
    .map((piece): Command => {
      const writes = [...piece.matchAll(/>(>?)\s*([^\s>]+)/g)].filter(([, , path]) => path !== "/dev/null").map(([, append, path]) => ({ path: path!, truncates: append === "" }));
      let words = piece.replace(/\d*>+\s*[^\s>]*/g, " ").trim().split(/\s+/).filter((word) => word !== "");
      while (/^\w+=/.test(words[0] ?? "") || RESERVED.has(words[0] ?? "")) words = words.slice(1);
      return { words: words.map((word) => ({ text: word.replaceAll("\\", ""), dynamic: false })), writes, assigns: [] };
    })
    .filter(({ words, writes }) => words.length > 0 || writes.length > 0);
}

/** Words that begin or continue a compound command; what follows them is a command again. */
const RESERVED: ReadonlySet<string> = new Set(["if", "then", "else", "elif", "while", "until", "do", "{", "!"]);
/** Words that end one; only redirections may follow. */
const CLOSING: ReadonlySet<string> = new Set(["fi", "done", "}"]);
const UNKNOWN: ReadonlySet<string> = new Set(["case", "esac", "function", "select", "coproc"]);

class Reader {
  readonly commands: Command[] = [];
  background = false;
  readonly #text: string;
  #at = 0;
  /** Here-documents whose text begins after the next line end. */
  #documents: { readonly end: string; readonly tabs: boolean; readonly plain: boolean }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Commands up to the closing bracket, or to the end of the text. */
  list(close: ")" | undefined, depth: number): void {
    if (depth > DEEPEST) throw new NotUnderstood();
    for (;;) {
      this.#blanks();
      const next = this.#text[this.#at];
      if (next === undefined) {
        if (close !== undefined || this.#documents.length > 0) throw new NotUnderstood();
        return;
      }
      if (next === ")") {
        if (close === undefined) throw new NotUnderstood();
        this.#at += 1;
        return;
      }
      if (next === "\n") {
        this.#at += 1;
        this.#skipDocuments(depth);
      } else if (next === ";" || next === "|" || next === "&") this.#operator();
      else if (next === "(" && !this.#text.startsWith("((", this.#at)) {
        this.#at += 1;
        this.list(")", depth + 1);
        this.#command(depth, true);
      } else this.#command(depth, false);
    }
  }

  #operator(): void {
    const operator = /^(?:&&|\|\||\|&|;;|[;|&])/.exec(this.#text.slice(this.#at, this.#at + 2))![0];
    if (operator === ";;") throw new NotUnderstood();
    if (operator === "&") this.background = true;
    this.#at += operator.length;
  }

  /** One simple command. `closed`: it follows a closing bracket, so it may only redirect. */
  #command(depth: number, closed: boolean): void {
    const words: Word[] = [];
    const writes: { path: string; truncates: boolean }[] = [];
    const assigns: string[] = [];
    let ended = closed;
    for (;;) {
      this.#blanks();
      const rest = this.#text.slice(this.#at, this.#at + 40);
      if (rest === "" || /^(?:[\n;|)]|&(?!>))/.test(rest)) break;
      const redirection = /^(?:\d*|\{\w+\})(?:>>|>\||>&|<<<|<<-?|<&|<>|[<>](?!\())|^&>>?/.exec(rest)?.[0];
      if (redirection !== undefined) {
        this.#at += redirection.length;
        this.#redirection(redirection.replace(/^(?:\d+|\{\w+\})/, ""), writes, depth);
        continue;
      }
      if (rest.startsWith("(")) {
        // "((" begins arithmetic; any other bracket here is a function or an array.
        if (!rest.startsWith("((") || words.length > 0 || ended) throw new NotUnderstood();
        this.#arithmetic();
        words.push({ text: "((", dynamic: false });
        ended = true;
        continue;
      }
      if (ended) throw new NotUnderstood();
      const from = this.#at;
      const word = this.#word(depth);
      const raw = this.#text.slice(from, this.#at);
      if (words.length === 0) {
        const assignment = /^([A-Za-z_]\w*)\+?=/.exec(raw);
        if (assignment !== null) {
          if (this.#text[this.#at] === "(") throw new NotUnderstood();
          assigns.push(assignment[1]!);
          continue;
        }
        if (UNKNOWN.has(raw)) throw new NotUnderstood();
        if (RESERVED.has(raw)) continue;
        if (CLOSING.has(raw)) {
          ended = true;
          continue;
        }
        if (raw === "[[") {
          this.#condition(depth);
          words.push({ text: "[[", dynamic: false });
          ended = true;
          continue;
        }
      }
      words.push(word);
    }
    // `for x in …`: the words are values, and what is set is a variable of the script.
    const name = words[0]?.text === "for" ? words[1]?.text : undefined;
    if (name !== undefined) assigns.push(name);
    if (words.length > 0 || writes.length > 0 || assigns.length > 0) this.commands.push({ words, writes, assigns });
  }

  /** Between [[ and ]], where brackets, < and && are not what they are elsewhere. */
  #condition(depth: number): void {
    for (;;) {
      this.#blanks();
      const operator = /^(?:&&|\|\||[<>()\n|])/.exec(this.#text.slice(this.#at, this.#at + 2))?.[0];
      if (operator !== undefined) {
        this.#at += operator.length;
        continue;
      }
      if (this.#text[this.#at] === undefined || this.#text[this.#at] === ";" || this.#text[this.#at] === "&") throw new NotUnderstood();
      const from = this.#at;
      this.#word(depth);
      if (this.#text.slice(from, this.#at) === "]]") return;
    }
  }

  #redirection(operator: string, writes: { path: string; truncates: boolean }[], depth: number): void {
    this.#blanks();
    if (operator === "<<" || operator === "<<-") {
      const from = this.#at;
      const { text } = this.#word(depth);
      this.#documents.push({ end: text, tabs: operator === "<<-", plain: /['"\\]/.test(this.#text.slice(from, this.#at)) });
      return;
    }
    const from = this.#at;
    const { text, dynamic } = this.#word(depth);
    if (this.#at === from) throw new NotUnderstood();
    if (operator === "<" || operator === "<<<" || operator === "<&") return;
    if (operator === ">&" && /^(?:\d+-?|-)$/.test(text) && !dynamic) return;
    if (/^\/dev\/(?:null|stdout|stderr|tty|fd\/\d+)$/.test(text) && !dynamic) return;
    writes.push({ path: text, truncates: operator !== ">>" && operator !== "&>>" && operator !== "<>" });
  }

  /** Past the text of here-documents. Where it is expanded, a command in it would run. */
  #skipDocuments(depth: number): void {
    for (const { end, tabs, plain } of this.#documents) {
      const body: string[] = [];
      for (;;) {
        if (this.#at >= this.#text.length) throw new NotUnderstood();
        const stop = this.#text.indexOf("\n", this.#at);
        const line = this.#text.slice(this.#at, stop < 0 ? undefined : stop);
        this.#at = stop < 0 ? this.#text.length : stop + 1;
        if ((tabs ? line.replace(/^\t+/, "") : line) === end) break;
        body.push(line);
      }
      if (!plain && /`|\$\(/.test(body.join("\n"))) throw new NotUnderstood();
      if (depth > DEEPEST) throw new NotUnderstood();
    }
    this.#documents = [];
  }

  #blanks(): void {
    for (;;) {
      const next = this.#text[this.#at];
      if (next === " " || next === "\t" || next === "\r") this.#at += 1;
      else if (next === "\\" && this.#text[this.#at + 1] === "\n") this.#at += 2;
      else if (next === "#" && /[\s;&|()]|^$/.test(this.#text[this.#at - 1] ?? "")) {
        while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at += 1;
      } else return;
    }
  }

  #word(depth: number): Word {
    let text = "";
    let dynamic = false;
    const start = this.#at;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || /[\s;&|]/.test(next) || next === ")") break;
      if (next === "(") {
        // After a pattern sign it would be an extended pattern, elsewhere a function or an array: the caller sees the bracket.
        if (this.#at === start || !/[?*+@!]/.test(this.#text[this.#at - 1]!)) break;
        throw new NotUnderstood();
      }
      if (next === "<" || next === ">") {
        if (this.#text[this.#at + 1] !== "(") break;
        this.#at += 2;
        this.list(")", depth + 1);
        text += "\0";
        dynamic = true;
        continue;
      }
      this.#at += 1;
      if (next === "\\") {
        const escaped = this.#text[this.#at];
        if (escaped === undefined) throw new NotUnderstood();
        this.#at += 1;
        if (escaped !== "\n") text += escaped;
      } else if (next === "'") text += this.#single();
      else if (next === '"') {
        const inside = this.#double(depth);
        if (text === "" && inside.startsWith("\0")) dynamic = true;
        // "$@" is as many words as there are arguments.
        if (inside.includes("\0@")) dynamic = true;
        text += inside.replaceAll("\0@", "\0");
      } else if (next === "`") throw new NotUnderstood();
      else if (next === "$") {
        const after = this.#text[this.#at];
        if (after === "'") {
          this.#at += 1;
          const end = /^(?:[^'\\]|\\[^])*'/.exec(this.#text.slice(this.#at));
          if (end === null) throw new NotUnderstood();
          this.#at += end[0].length;
          text += "\0";
          dynamic = true;
        } else if (this.#expansion(depth) === undefined) text += "$";
        else {
          text += "\0";
          dynamic = true;
        }
      } else {
        if (text === "" && /[*?[]/.test(next) && !/^\[\[?(?=\s)/.test(this.#text.slice(this.#at - 1, this.#at + 2))) dynamic = true;
        text += next;
      }
    }
    // {a,b} becomes several words; with something in front of it each of them begins with that.
    if (this.#text[start] === "{" && /,|\.\./.test(text)) dynamic = true;
    return { text, dynamic };
  }

  /** Past double brackets and what is reckoned between them. "((a); (b))" begins alike and runs two commands. */
  #arithmetic(): void {
    let open = 0;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || !/[\w\s+\-*/%<>=!&|?:,~^$()[\]#]/.test(next) || this.#text.startsWith("$(", this.#at)) throw new NotUnderstood();
      this.#at += 1;
      if (next === "(") open += 1;
      // The two that close it stand together; apart they close something else.
      else if (next === ")" && (open -= 1) === 1 && this.#text[this.#at] !== ")") throw new NotUnderstood();
      else if (open === 0) return;
    }
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) throw new NotUnderstood();
    const text = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #double(depth: number): string {
    let text = "";
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || next === "`") throw new NotUnderstood();
      this.#at += 1;
      if (next === '"') return text;
      if (next === "\\") {
        const escaped = this.#text[this.#at] ?? "";
        this.#at += 1;
        if (escaped !== "\n") text += /[$`"\\]/.test(escaped) ? escaped : `\\${escaped}`;
      } else if (next === "$") text += this.#expansion(depth) ?? "$";
      else text += next;
    }
  }

  /** After a $: a NUL for what it becomes, with @ after it for all arguments; undefined where it is a mere $. */
  #expansion(depth: number): string | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 200);
    if (rest.startsWith("((")) {
      this.#arithmetic();
      return "\0";
    }
    if (rest.startsWith("(")) {
      this.#at += 1;
      this.list(")", depth + 1);
      return "\0";
    }
    if (rest.startsWith("{")) {
      const whole = /^\{[^{}`$"'\\]*\}/.exec(rest);
      if (whole === null) throw new NotUnderstood();
      this.#at += whole[0].length;
      return /[@*]/.test(whole[0]) ? "\0@" : "\0";
    }
    const name = /^(?:[A-Za-z_]\w*|[\d?!#$@*-])/.exec(rest)?.[0];
    if (name === undefined) return undefined;
    this.#at += name.length;
    return name === "@" || name === "*" ? "\0@" : "\0";
  }
}
