/**
 * What of a tree a statement names: files, names in them, commands. Pure; whether they are there, and what they look like,
 * is for worktree/witness.ts to say. Only what is written as code is written is taken: "test" is a word, `test` may be a name.
 */
export interface Mentions {
  /** As written; from the root of the tree or anywhere. */
  readonly paths: readonly string[];
  readonly names: readonly string[];
  readonly commands: readonly string[];
  /** Words that may be the name of a dependency: only a manifest can tell. */
  readonly words: readonly string[];
}

/** Statements name few things; one that names more is a list, of which the first tell enough. */
const MOST = 12;

const PATH = /^(?:\.{0,2}\/)?[\w@.+-]+(?:\/[\w@.+-]+)*\/?$/;
/** With an ending or a folder it is a path; "and/or" and version numbers are not. */
const LOOKS_LIKE_PATH = /\.[A-Za-z]\w{0,9}$|^\.{0,2}\/|\w\/\w+\/|^(?:Makefile|Dockerfile|Justfile)$/;
const COMMAND = /^(?:npm|pnpm|yarn|npx|bun|deno|node|go|cargo|make|just|mise|task|python3?|pytest|uv|poetry|tox|ruff|mvn|gradle|\.\/gradlew|dotnet|bundle|rake|rails|php|composer|docker|terraform|helm|kubectl|git|gh|sh|bash|\.{0,2}\/[\w./-]+)(?:\s|$)/;
const NAME = /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*(?:\(\))?$/;

export function mentionsOf(statement: string): Mentions {
  const paths = new Set<string>();
  const names = new Set<string>();
  const commands = new Set<string>();
  const words = new Set<string>();
  const bare = statement.replace(/`([^`]+)`/g, (_, quoted: string) => {
    const text = quoted.trim();
    if (COMMAND.test(text)) commands.add(text);
    else if (PATH.test(text) && LOOKS_LIKE_PATH.test(text) && !/^\w+\(\)$/.test(text)) paths.add(text);
    else if (NAME.test(text)) names.add(text.replace(/\(\)$/, ""));
    if (/^@?[\w./-]+$/.test(text)) words.add(text);
    return " ";
  });
  for (const raw of bare.match(/[\w@.+/$()-]+/g) ?? []) {
    const word = raw.replace(/^[(.]+(?=\w)|[).,:]+$/g, "");
    if (word === "") continue;
    if (PATH.test(word) && LOOKS_LIKE_PATH.test(word)) paths.add(word);
    // camelCase and snake_case are names without being quoted.
    else if (/^(?:[a-z_$][\w$]*[a-z0-9][A-Z]|[A-Z][a-z0-9]+[A-Z]|[A-Z]{2,}[a-z]|[A-Za-z]+\w*_\w)[\w$]*(?:\(\))?$/.test(word)) names.add(word.replace(/\(\)$/, ""));
    // "ignore" is a package and a word.
    if (/\w[@/-]\w/.test(word)) words.add(word);
  }
  for (const [, word] of bare.matchAll(/\b(?:uses?|using|via|on|pin(?:ned)?|upgrade(?:d)?)\s+(@?[a-z][\w./-]*\w)/gi)) words.add(word!);
  const some = (set: ReadonlySet<string>, most = MOST): string[] => [...set].slice(0, most);
  return { paths: some(paths), names: some(names), commands: some(commands), words: some(words, 60) };
}
