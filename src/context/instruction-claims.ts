/**
 * What an instruction file says of the tree: files it names and commands it tells to run, each with its line. Only what can
 * be nothing else is taken: paths in code or links, scripts and targets of the usual runners. Examples, placeholders and
 * what is yet to be made are left out, for a warning that is wrong costs more than one that is missing. Whether the tree
 * still holds them is looked up elsewhere (worktree/claims.ts).
 */

export interface Claim {
  /** Counted from 1. */
  readonly line: number;
  readonly kind: "file" | "script" | "target";
  readonly value: string;
}

const FENCE = /^\s*(`{3,}|~{3,})\s*(\w*)/;
const SHELLS = new Set(["", "sh", "bash", "shell", "zsh", "console"]);

/** Words of a line that speaks of what need not be there. */
const SUPPOSED = /\b(?:e\.g\.|for example|for instance|such as|example|creat(?:e|es|ed|ing)|adds? (?:a|an|new)|new|generat(?:e|es|ed|ing)|output|writes?|written|will be|would|could|might|if (?:it|there|present|you)|optional(?:ly)?|legacy|deprecated|removed?|deleted?|delete|renamed?|moved?|former(?:ly)?|previously|instead of|rather than|do(?:es)? not exist|doesn't exist|no longer|gitignored?|ignored|untracked|scratch|temp(?:orary)?|install(?:s|ed)?|download(?:s|ed)?|upstream|published|emits?|produces?|builds? (?:to|into)|never|don't|do not|not|like|foo|bar|baz|my-?\w*|your-?\w*|imports?|from|names?|named|naming|pattern|format|branch(?:es)?|looks? like|something|any|some|prefix(?:ed)?|(?:that|other|another|their|separate|private) (?:repo|repository|project))\b|→|->/i;

/** What is longer was written by a program. */
const LONGEST_LINE = 2000;

export function claimsOf(raw: string): Claim[] {
  const claims: Claim[] = [];
  const seen = new Set<string>();
  const add = (line: number, kind: Claim["kind"], value: string): void => {
    const key = `${kind} ${value}`;
    if (!seen.has(key)) claims.push({ line, kind, value });
    seen.add(key);
  };
  let fence: { readonly mark: string; readonly shell: boolean } | undefined;
  let comment = false;
  for (const [i, line] of raw.split(/\r?\n/).entries()) {
    if (line.length > LONGEST_LINE) continue;
    const mark = FENCE.exec(line);
    if (mark !== null) {
      if (fence === undefined) fence = { mark: mark[1]!, shell: SHELLS.has(mark[2]!.toLowerCase()) };
      else if (line.trim().startsWith(fence.mark)) fence = undefined;
      continue;
    }
    if (fence !== undefined) {
      if (fence.shell) for (const { kind, value } of commandsIn(line)) add(i + 1, kind, value);
      continue;
    }
    if (line.includes("<!--")) comment = true;
    const hidden = comment;
    if (line.includes("-->")) comment = false;
    if (hidden) continue;
    const supposed = SUPPOSED.test(line.replace(/`[^`]*`|\]\([^)]*\)/g, " "));
    for (const [, code] of line.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)) {
      for (const { kind, value } of commandsIn(code!)) if (!supposed) add(i + 1, kind, value);
      if (!supposed && isPath(code!)) add(i + 1, "file", tidy(code!));
    }
    // A link is a promise whatever the line says.
    for (const [, to] of line.matchAll(/\]\(([^)\s]+)\)/g)) if (isLink(to!)) add(i + 1, "file", tidy(decode(to!)));
  }
  return claims;
}

/** A path of at least two parts that ends in a name with an ending. */
function isPath(code: string): boolean {
  return /^(?:\.\/)?(?:[\w@.-]+\/)+[\w.-]*\w\.[a-z]\w{0,5}(?::\d+(?:-\d+)?)?$/i.test(code) && !isPlaceholder(code) && !/^@|^\w+\.\w+\//.test(code);
}

function isLink(to: string): boolean {
  return !/^(?:[a-z][a-z0-9+.-]*:|#|\/|<|mailto|\.\.\.)/i.test(to) && /[./]/.test(to) && !/[{}<>*$|]/.test(to) && !isPlaceholder(to);
}

/** Also what is made by a build, or lies where the repository has nothing. */
const isPlaceholder = (path: string): boolean =>
  /(?:^|[/._-])(?:foo|bar|baz|qux|example|examples?|my|your|some|new|xxx+|yyyy|path|to|name|file|feature|component|dist|build|out|output|target|coverage|node_modules|tmp|temp|generated|vendor|\.git|\.venv|venv|__pycache__|\.next|\.cache)(?=$|[/._-])/i.test(path);

const tidy = (path: string): string => path.replace(/[?#].*$/, "").replace(/:\d+(?:-\d+)?$/, "").replace(/^\.\//, "");

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const SOME_NAME = /^(?:foo|bar|baz|x+|y+|my|your|some|script|name|target|command|task|test-name)(?=$|[:-])/i;

/** A script of a package, or a target of make or just, in words of a command line. */
function commandsIn(code: string): { kind: "script" | "target"; value: string }[] {
  const found: { kind: "script" | "target"; value: string }[] = [];
  for (const part of code.replace(/(?:^|\s)#.*$/, "").split(/&&|\|\||[;|]/)) {
    const words = part.trim().replace(/^\$\s+/, "");
    const script = /^(?:npm|pnpm|yarn|bun) run ([\w:./-]*\w)(?=\s|$)/.exec(words)?.[1];
    if (script !== undefined && !SOME_NAME.test(script)) found.push({ kind: "script", value: script });
    const target = /^make ([a-z][\w./-]*)(?=\s|$)/.exec(words)?.[1];
    if (target !== undefined && !SOME_NAME.test(target)) found.push({ kind: "target", value: target });
  }
  return found;
}
