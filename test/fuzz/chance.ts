/** What happens next, by chance that a seed gives: paths, contents, and what people and agents do to a tree. */
import { shown, type Act, type Standing, type Tree } from "./acts.ts";

export type Chance = ReturnType<typeof chanceOf>;

/** Mulberry32: small, and good enough to choose by. */
export function chanceOf(seed: number): { number: () => number; below: (n: number) => number; one: <T>(list: readonly T[]) => T; is: (share: number) => boolean } {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number): number => Math.floor(number() * n);
  return { number, below, one: (list) => list[below(list.length)]!, is: (share) => number() < share };
}

const FOLDERS = ["", "", "", "src", "src", "src/a", "src/a/deep/er", "lib", "lib/x", "docs of mine", "öäü", "x", "x/y", "new/nested/folder"];
/** Some are folders elsewhere in the list; one is no UTF-8. */
const NAMES = ["a.ts", "b.ts", "c.ts", "crlf.txt", "bin.dat", "run.sh", "empty", "link", "na\udce4h", "x", "y", "lib", "a", ".env", "README.md"];
const RULES = ["", "# nothing\n", "*.log\n", "build/\n", "build/\n*.log\n", "*.log\n!keep.log\n"];
const MODES = [0o644, 0o755, 0o600, 0o444, 0o664];

/** What ignore rules of chance are about. It may be looked after or not, so little is asked of it: nothing may be lost of it. */
export function isMurky(path: string): boolean {
  return path.startsWith("build/") || path.endsWith(".log");
}

export class Hand {
  readonly #chance: Chance;
  readonly #git: boolean;
  #count = 0;

  constructor(chance: Chance, git: boolean) {
    this.#chance = chance;
    this.#git = git;
  }

  path(): string {
    const folder = this.#chance.one(FOLDERS);
    return folder === "" ? this.#chance.one(NAMES) : `${folder}/${this.#chance.one(NAMES)}`;
  }

  /** One that is there, or any. */
  known(tree: Tree): string {
    const all = [...tree.keys()].filter((path) => !isMurky(path) && path !== ".gitignore" && path !== ".gitattributes");
    return all.length === 0 || this.#chance.is(0.2) ? this.path() : this.#chance.one(all);
  }

  /** New bytes for a file, by this one: `who` is in every line of text. */
  bytes(who: string, standing: Standing): string {
    const { one, below, is } = this.#chance;
    this.#count += 1;
    const tag = `${who}-${this.#count}`;
    const before = standing?.startsWith("file ") === true ? standing.slice(standing.indexOf(" ", 5) + 1) : undefined;
    const kind = below(20);
    if (before !== undefined && before.length > 0 && before.length < 100_000 && kind < 12) {
      // The same size, in the same moment: what only the bytes tell.
      if (kind < 3) {
        const at = below(before.length);
        return before.slice(0, at) + String.fromCharCode((before.charCodeAt(at) + 1 + below(200)) % 256) + before.slice(at + 1);
      }
      const lines = before.split("\n");
      const at = below(lines.length);
      if (kind < 7) lines.splice(at, 0, `${tag} inserted`);
      else if (kind < 10) lines[at] = `${tag} changed`;
      else lines.splice(at, 1 + below(3));
      return lines.join("\n");
    }
    if (kind === 19) return "";
    if (kind === 18 && is(0.05)) return `${tag}\n`.repeat(120_000);
    if (kind >= 16) return Array.from({ length: below(2000) }, () => String.fromCharCode(below(256))).join("");
    const end = one(["\n", "\n", "\n", "\r\n"]);
    return Array.from({ length: 1 + below(12) }, (_, i) => `${tag} line ${i}`).join(end) + one([end, ""]);
  }

  /** What an edit tool does to one path. */
  edit(who: string, tree: Tree): { path: string; acts: Act[] } {
    const path = this.known(tree);
    const standing = tree.get(path);
    if (standing !== undefined && this.#chance.is(0.12)) return { path, acts: [{ do: "rm", path }] };
    const write: Act = { do: "write", path, bytes: this.bytes(who, standing) };
    // Most editors write a new file and put it in the place of the old one; others write into it.
    return { path, acts: standing !== undefined && this.#chance.is(0.3) ? [{ do: "rm", path }, write] : [write] };
  }

  /** What a command does, or a person in an hour of work. */
  acts(who: string, tree: Tree): Act[] {
    const acts: Act[] = [];
    for (let n = 1 + this.#chance.below(3); n > 0; n--) acts.push(...this.#some(who, tree));
    return acts;
  }

  #some(who: string, tree: Tree): Act[] {
    const { one, below, is } = this.#chance;
    const path = this.known(tree);
    const standing = tree.get(path);
    const folders = [...new Set([...tree.keys()].filter((each) => each.includes("/") && !isMurky(each)).map((each) => each.split("/").slice(0, 1 + below(each.split("/").length - 1)).join("/")))];
    const kind = below(this.#git ? 30 : 25);
    if (kind < 9) return [{ do: "write", path, bytes: this.bytes(who, standing), ...(is(0.1) ? { mode: one(MODES) } : {}) }];
    if (kind < 11) return [{ do: "rm", path }];
    if (kind < 12) return folders.length === 0 || is(0.6) ? [] : [{ do: "rm", path: one(folders) }];
    if (kind < 14) return [{ do: "rename", from: path, to: this.path() }];
    if (kind < 15) return folders.length === 0 ? [] : [{ do: "rename", from: one(folders), to: is(0.5) ? this.path() : `moved-${below(4)}` }];
    if (kind < 17) return [{ do: "chmod", path, mode: one(MODES) }];
    if (kind < 19) return [{ do: "rm", path }, { do: "link", path, target: is(0.5) ? "nowhere" : is(0.5) ? "src" : this.known(tree).split("/").at(-1)!.replace(/[\udc80-\udcff]/g, "") || "x" }];
    if (kind < 20) return [{ do: "rm", path }, { do: "write", path: `${path}/inside/${one(NAMES)}`, bytes: this.bytes(who, undefined) }];
    if (kind < 21) return [{ do: "rename", from: path, to: `${path}.tmp` }, { do: "write", path, bytes: this.bytes(who, standing) }, { do: "rm", path: `${path}.tmp` }];
    if (kind < 22) return [{ do: "write", path: ".gitignore", bytes: one(RULES) }];
    if (kind < 24) return [{ do: "write", path: one(["build/out.js", "build/deep/out.js", "x.log", "src/y.log", "keep.log"]), bytes: this.bytes(who, undefined) }];
    if (kind < 25) return [{ do: "write", path: `fresh-${below(6)}/in/${one(NAMES)}`, bytes: this.bytes(who, undefined) }];
    return [{ do: "git", args: one(GIT)(this.#chance) }];
  }
}

const GIT: readonly ((chance: Chance) => readonly string[])[] = [
  () => ["add", "-A"],
  () => ["commit", "-qam", "more"],
  () => ["commit", "-qm", "amended", "--amend"],
  () => ["checkout", "-q", "--", "."],
  () => ["checkout", "-q", "HEAD~1", "--", "."],
  () => ["stash", "-q", "-u"],
  () => ["stash", "-q"],
  () => ["stash", "pop", "-q"],
  ({ one }) => ["checkout", "-q", "-B", one(["one", "two"])],
  ({ one }) => ["checkout", "-q", one(["one", "two", "main"])],
  () => ["reset", "-q", "--hard"],
  () => ["rm", "-q", "--cached", "-r", "src"],
  () => ["clean", "-fdq"],
  () => ["gc", "-q", "--prune=now"],
];

export function told(acts: readonly Act[]): string {
  return acts.map((act) => (act.do === "git" ? `git ${act.args.join(" ")}` : act.do === "rename" ? `rename ${JSON.stringify(act.from)} ${JSON.stringify(act.to)}` : act.do === "write" ? `write ${JSON.stringify(act.path)} ${shown(act.bytes)}${act.mode === undefined ? "" : ` mode ${act.mode.toString(8)}`}` : act.do === "link" ? `link ${JSON.stringify(act.path)} ${act.target}` : act.do === "chmod" ? `chmod ${act.mode.toString(8)} ${JSON.stringify(act.path)}` : `rm ${JSON.stringify(act.path)}`)).join("; ");
}
