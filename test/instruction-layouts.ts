/**
 * Folders full of instruction files, each made to ask one question of whoever reads them. The real client answers in
 * test/client/instructions.client.ts, and what it answered is kept in test/fixtures/claude-code/instructions.json, which
 * test/stories/instructions.test.ts holds our own answer against. `$R` stands for the folder that all of it lies in.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Layout {
  readonly name: string;
  /** Path below the root → text. `repo/` is a git repository, `config/` the client's configuration, `home/` the home. */
  readonly files: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** Where the agent is started; the repository unless said otherwise. */
  readonly cwd?: string;
  /** The file that it opens. */
  readonly open?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Imports from outside were approved for the repository. */
  readonly approved?: true;
  /** A linked worktree of the first commit with these files, made there. */
  readonly worktree?: { readonly at: string; readonly commit: readonly string[] };
  /** The configuration folder, where it is not `config`. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const rule = (paths: string): string => `---\npaths: ${paths}\n---\nA rule for ${paths.replaceAll("\n", " ")}\n`;

const chain = (folder: string): Record<string, string> => Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`${folder}/${n}.md`, `Level ${n}. @${n + 1}.md\n`]));

const GLOBS = {
  comma: "src/*.js, sub/*.txt", brace: "sub/*.{txt,md}", flow: '["sub/inner.txt"]', star: "'**'", starstar: "**/*", bare: "inner.txt", slash: "/sub/inner.txt", dir: "sub", no: "other/**",
  neg: "['sub/**', '!sub/inner.txt']", quoted: '"sub/**", "x"', empty: "", rel: "./sub/**", num: "3", up: "SUB/**", block: "\n  - a.txt\n  - 'sub/*'", raw: "\n  - **/*.txt", mixed: '[ "**/*.ts", **/*.txt ]', note: '"sub/*.txt" # why',
};

export const LAYOUTS: readonly Layout[] = [
  { name: "the repository's own", files: { "repo/CLAUDE.md": "Repo.\n", "repo/.claude/CLAUDE.md": "Folder.\n", "repo/CLAUDE.local.md": "Local.\n", "repo/AGENTS.md": "Agents.\n" } },
  { name: "user and above the repository", files: { "config/CLAUDE.md": "User. @more.md and @~/home.md\n", "config/more.md": "More.\n", "home/home.md": "Home.\n", "config/rules/b.md": "B.\n", "config/rules/a/z.md": "Z.\n", "CLAUDE.md": "Above.\n", "CLAUDE.local.md": "Above, local.\n", "repo/CLAUDE.md": "Repo.\n" } },
  { name: "rules in folders", files: { "repo/CLAUDE.md": "Repo.\n", "repo/.claude/rules/z.md": "Z.\n", "repo/.claude/rules/a.md": "A.\n", "repo/.claude/rules/B.md": "B.\n", "repo/.claude/rules/deep/k.md": "K.\n", "repo/.claude/rules/deep/er/l.md": "L.\n", "repo/.claude/rules/n.txt": "No.\n", "repo/.claude/rules/UP.MD": "No.\n" } },
  { name: "started in a subdirectory", files: { "repo/CLAUDE.md": "Repo. @docs/x.md @sub/y.md\n", "repo/docs/x.md": "X.\n", "repo/sub/y.md": "Y.\n", "repo/.claude/rules/a.md": "A.\n", "repo/.claude/rules/g.md": rule("sub/**"), "repo/sub/CLAUDE.md": "Sub. @../docs/x.md @y.md\n", "repo/.claude/CLAUDE.md": "Folder.\n", "repo/CLAUDE.local.md": "Local. @docs/x.md\n" }, cwd: "repo/sub", open: "repo/sub/inner.txt" },
  { name: "a subdirectory, imports approved", files: { "repo/CLAUDE.md": "Repo. @docs/x.md @../out.md\n", "repo/docs/x.md": "X.\n", "out.md": "Out.\n" }, cwd: "repo/sub", approved: true },
  { name: "imports from outside", files: { "repo/CLAUDE.md": "Repo. @../out.md @~/home.md @$R/repo/in.md @docs/in.md\n", "out.md": "Out.\n", "home/home.md": "Home.\n", "repo/in.md": "In.\n", "repo/docs/in.md": "In too.\n" } },
  { name: "imports five deep", files: { "config/CLAUDE.md": "@d/1.md\n", "repo/CLAUDE.local.md": "@d/1.md\n", "repo/.claude/rules/r.md": "@../../e/1.md\n", ...chain("config/d"), ...chain("repo/d"), ...chain("repo/e") } },
  { name: "imports in a ring", files: { "repo/CLAUDE.md": "Repo. @docs/x.md @CLAUDE.md\n", "repo/docs/x.md": "X. @y.md @x.md\n", "repo/docs/y.md": "Y. @../CLAUDE.md @x.md\n" } },
  { name: "the order of imports", files: { "repo/CLAUDE.md": "@b.md @a.md\n", "repo/a.md": "A. @c.md\n", "repo/b.md": "B. @c.md\n", "repo/c.md": "C.\n", "repo/CLAUDE.local.md": "@c.md @l.md\n", "repo/l.md": "L.\n" } },
  { name: "imported twice", files: { "repo/CLAUDE.md": "Repo. @docs/x.md @docs/x.md @.claude/CLAUDE.md @.claude/rules/a.md\n", "repo/.claude/CLAUDE.md": "Folder. @../docs/x.md\n", "repo/.claude/rules/a.md": "A. @../../docs/y.md\n", "repo/docs/x.md": "X.\n", "repo/docs/y.md": "Y.\n" } },
  {
    name: "how an import is written",
    files: {
      "repo/CLAUDE.md":
        "see `a @docs/a.md b` and ``@docs/b.md`` @docs/c.md\n    @docs/d.md\n\n- item\n\n    @docs/e.md\n\n1. @docs/f.md\n   - @docs/g.md\n\n~~~\n@docs/h.md\n~~~\n\\@docs/i.md @docs/j.md: @docs/k.md; @docs/l.md! __@docs/n.md__ <b>@docs/o.md</b> @\"docs/p.md\" @docs/q.md?\n\n<div>\n@docs/r.md\n</div>\n\n" +
        "\t@docs/s.md\n\n@docs/t.json @docs/u.py @docs/v.pdf @docs/w.lock @docs/Makefile @docs/.env @docs/x.unknown\n**@docs/y.md** > @docs/z.md\n> @docs/quote.md\n\n| @docs/cell.md | b |\n|---|---|\n\n# @docs/head.md\n[@docs/link.md](x) (@docs/paren.md) x@docs/mail.md @docs/my\\ file.md @docs/frag.md#part @./docs/rel.md @docs/ @docs/missing.md @someone\n",
      ...Object.fromEntries([..."abcdefghijklmnopqrsyz"].map((c) => [`repo/docs/${c}.md`, `${c}\n`])),
      ...Object.fromEntries(["t.json", "u.py", "v.pdf", "w.lock", "Makefile", ".env", "x.unknown", "quote.md", "cell.md", "head.md", "link.md", "paren.md", "mail.md", "my file.md", "frag.md", "rel.md"].map((name) => [`repo/docs/${name}`, `${name}\n`])),
    },
  },
  { name: "comments and front matter", files: { "repo/CLAUDE.md": "---\ntitle: x\n---\n<!-- a --> tail @docs/x.md\n\ntext <!-- inline -->\n<!-- @docs/y.md -->\nmore\n\n<!-- long\n@docs/y.md\n-->\n\n```\n<!-- in code @docs/y.md -->\n```\n<!-- open\n\n@docs/z.md\n", "repo/.claude/CLAUDE.md": "<!-- nothing else -->\n", "repo/docs/x.md": "X.\n", "repo/docs/y.md": "Y.\n", "repo/docs/z.md": "Z.\n" } },
  { name: "empty, binary and odd", files: { "repo/CLAUDE.md": "", "repo/.claude/CLAUDE.md": "bin\u0000ary\u0001\n", "repo/CLAUDE.local.md": "  \n", "repo/.claude/rules/ok.md": "Ok.\r\n<!-- c -->\r\nOk.\r\n", "repo/.claude/rules/empty.md": "" } },
  { name: "patterns of rules", files: { "repo/CLAUDE.md": "Repo.\n", "repo/docs/x.md": "X.\n", "repo/.claude/rules/imports.md": "---\npaths: sub/**\n---\nA rule. @../../docs/x.md\n", "repo/.claude/rules/unclosed.md": "---\npaths: other/**\nA rule.\n", "repo/.claude/rules/late.md": "\n---\npaths: no/**\n---\nA rule.\n", ...Object.fromEntries(Object.entries(GLOBS).map(([name, paths]) => [`repo/.claude/rules/${name}.md`, rule(paths)])) }, open: "repo/sub/inner.txt" },
  { name: "patterns of the user's rules", files: { "repo/CLAUDE.md": "Repo.\n", "config/rules/a.md": rule("sub/**"), "config/rules/b.md": rule("inner.txt"), "config/rules/c.md": rule("/inner.txt"), "config/rules/d.md": rule("/sub/inner.txt") }, cwd: "repo/sub", open: "repo/sub/inner.txt" },
  { name: "nested, on demand", files: { "repo/CLAUDE.md": "Repo.\n", "config/rules/p.md": rule("sub/**"), "repo/sub/CLAUDE.md": "Sub. @../docs/no.md @../../out.md\n", "out.md": "Out.\n", "repo/docs/no.md": "In.\n", "repo/sub/CLAUDE.local.md": "Sub, local.\n", "repo/sub/.claude/CLAUDE.md": "Sub, folder.\n", "repo/sub/.claude/rules/r.md": "R.\n", "repo/sub/.claude/rules/g.md": rule("deep/*.txt"), "repo/.claude/rules/paths.md": rule("\n  - \"sub/**/*.txt\""), "repo/sub/deep/CLAUDE.md": "Deep.\n", "repo/sub/deep/f.txt": "f\n", "repo/sub/other/CLAUDE.md": "Other.\n" }, open: "repo/sub/deep/f.txt" },
  { name: "a file that is not below", files: { "repo/CLAUDE.md": "Repo.\n", "repo/b/CLAUDE.md": "B.\n", "repo/b/.claude/rules/r.md": "R.\n", "repo/b/f.txt": "f\n", "repo/.claude/rules/g.md": rule("b/**") }, cwd: "repo/sub", open: "repo/b/f.txt" },
  { name: "a worktree of the client's", files: { "CLAUDE.md": "Above.\n", "repo/CLAUDE.md": "Repo.\n", "repo/CLAUDE.local.md": "Local.\n", "repo/.claude/rules/a.md": "A.\n", "repo/.claude/CLAUDE.md": "Folder.\n", "config/projects/$S-repo/memory/MEMORY.md": "- of the main tree\n", "config/projects/$S-repo--claude-worktrees-apart/memory/MEMORY.md": "- of the worktree\n" }, worktree: { at: "repo/.claude/worktrees/apart", commit: ["CLAUDE.md", ".claude/rules", ".claude/CLAUDE.md"] }, cwd: "repo/.claude/worktrees/apart" },
  { name: "a worktree elsewhere in the tree", files: { "repo/CLAUDE.md": "Repo.\n", "repo/CLAUDE.local.md": "Local.\n", "repo/.claude/rules/a.md": "A.\n", "repo/wt/CLAUDE.md": "Between.\n" }, worktree: { at: "repo/wt/a", commit: ["CLAUDE.md", ".claude/rules"] }, cwd: "repo/wt/a" },
  { name: "a worktree outside", files: { "repo/CLAUDE.md": "Repo.\n", "repo/CLAUDE.local.md": "Local.\n" }, worktree: { at: "apart", commit: ["CLAUDE.md"] }, cwd: "apart" },
  { name: "auto memory, too many lines", files: { "repo/CLAUDE.md": "Repo.\n", "repo/CLAUDE.local.md": "Local.\n", "config/projects/$S-repo/memory/MEMORY.md": Array.from({ length: 210 }, (_, n) => `- line ${n}\n`).join(""), "config/projects/$S-repo/memory/topic.md": "Topic.\n" }, cwd: "repo/sub" },
  { name: "auto memory elsewhere", files: { "repo/CLAUDE.md": "Repo.\n", "mine/MEMORY.md": "- mine @x.md\n", "mine/x.md": "X.\n" }, settings: { autoMemoryDirectory: "$R/mine" } },
  { name: "auto memory off", files: { "repo/CLAUDE.md": "Repo.\n", "config/projects/$S-repo/memory/MEMORY.md": "- mine\n" }, settings: { autoMemoryEnabled: false } },
  { name: "left out by a setting", files: { "CLAUDE.md": "Above.\n", "repo/CLAUDE.md": "Repo. @docs/x.md\n", "repo/docs/x.md": "X.\n", "repo/.claude/rules/a.md": "A.\n", "repo/.claude/rules/b.md": "B.\n", "config/CLAUDE.md": "User.\n", "repo/a/CLAUDE.md": "In a.\n", "repo/a/f.txt": "f\n" }, settings: { claudeMdExcludes: ["$R/CLAUDE.md", "**/rules/b.md", "**/config/**", "CLAUDE.md", "**/a", "a/CLAUDE.md", "**/docs/*.md"] }, open: "repo/a/f.txt" },
  { name: "AGENTS.md alone", files: { "AGENTS.md": "Above.\n", "config/CLAUDE.md": "User.\n", "config/AGENTS.md": "No.\n", "repo/AGENTS.md": "Agents. @docs/x.md\n", "repo/.claude/AGENTS.md": "Folder.\n", "repo/docs/x.md": "X.\n", "repo/sub/AGENTS.md": "Sub.\n", "repo/.claude/rules/a.md": "A.\n", "repo/sub/.claude/rules/b.md": "B.\n", "repo/sub/deep/AGENTS.md": "Deep.\n", "repo/sub/deep/f.txt": "f\n" }, cwd: "repo/sub", open: "repo/sub/deep/f.txt" },
  { name: "AGENTS.md beside an empty CLAUDE.md", files: { "repo/AGENTS.md": "Agents.\n", "repo/CLAUDE.md": "<!-- to do -->\n", "repo/sub/CLAUDE.md": "Sub.\n" }, open: "repo/sub/inner.txt" },
  { name: "AGENTS.md beside a local file", files: { "repo/AGENTS.md": "Agents.\n", "repo/CLAUDE.local.md": "Local.\n" } },
  { name: "AGENTS.md imported", files: { "repo/AGENTS.md": "Agents.\n", "repo/CLAUDE.md": "@AGENTS.md\n" } },
  { name: "AGENTS.md linked", files: { "repo/AGENTS.md": "Agents.\n" }, links: { "repo/CLAUDE.md": "AGENTS.md" } },
  { name: "links of the project", files: { "out/r.md": "Out, rule.\n", "out/f/q.md": "Out, folder.\n", "out/c.md": "Out. @t.md\n", "out/t.md": "Out, import.\n", "repo/t.md": "Not this.\n", "repo/.claude/rules/x.md": "X.\n", "repo/rr/q.md": "In.\n", "repo/docs/real.md": "Real.\n", "repo/.claude/CLAUDE.md": "Folder. @../docs/in.md @../docs/out.md\n" }, links: { "repo/CLAUDE.md": "$R/out/c.md", "repo/.claude/rules/l.md": "$R/out/r.md", "repo/.claude/rules/lf": "$R/out/f", "repo/.claude/rules/again.md": "x.md", "repo/.claude/rules/loop": ".", "repo/.claude/rules/in.md": "../../rr/q.md", "repo/CLAUDE.local.md": "CLAUDE.md", "repo/docs/in.md": "real.md", "repo/docs/out.md": "$R/out/t.md" } },
  { name: "links of the user", files: { "dot/c.md": "User. @i.md\n", "dot/i.md": "Import.\n", "dot/r.md": "Rule.\n", "dot/f/q.md": "Folder.\n" }, links: { "config/CLAUDE.md": "$R/dot/c.md", "config/rules/r.md": "$R/dot/r.md", "config/rules/f": "$R/dot/f" } },
  { name: "a folder of the project that is a link", files: { "out/CLAUDE.md": "Out.\n", "out/rules/a.md": "A.\n" }, links: { "repo/.claude": "$R/out" } },
  { name: "started through a link", files: { "real/CLAUDE.md": "Real. @x.md\n", "real/x.md": "X.\n", "real/.claude/rules/a.md": "A.\n" }, links: { lnk: "$R/real" }, cwd: "lnk" },
  { name: "no repository", files: { "plain/CLAUDE.md": "Plain. @x.md\n", "plain/x.md": "X.\n", "plain/in/CLAUDE.md": "In.\n", "config/projects/$S-plain-in/memory/MEMORY.md": "- in\n", "config/projects/$S-plain/memory/MEMORY.md": "- plain\n" }, cwd: "plain/in" },
  { name: "the home folder above", files: { "home/.claude/CLAUDE.md": "User.\n", "home/.claude/rules/a.md": "A.\n", "home/CLAUDE.md": "Home.\n", "home/p/CLAUDE.md": "P.\n" }, cwd: "home/p", config: "home/.claude" },
  { name: "the same text twice", files: { "repo/CLAUDE.md": "Same.\n", "repo/sub/CLAUDE.md": "Same.\n" }, cwd: "repo/sub" },
];

/** `$S`: the root as the client writes it in names of folders. */
export const slug = (path: string): string => path.replace(/[^a-zA-Z0-9]/g, "-");

/** Puts a layout below a root in which `repo` is a repository with `notes.txt` and `sub/inner.txt` in its first commit. */
export function build(layout: Layout, root: string, env: NodeJS.ProcessEnv): void {
  const whole = (text: string): string => text.replaceAll("$R", root).replaceAll("$S", slug(root));
  for (const [path, text] of Object.entries(layout.files)) {
    const at = join(root, whole(path));
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, whole(text));
  }
  for (const [path, to] of Object.entries(layout.links ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(whole(to), join(root, path));
  }
  if (layout.worktree === undefined) return;
  const git = (...args: string[]): void => void execFileSync("git", ["-c", "user.name=Suite", "-c", "user.email=suite@example.invalid", ...args], { cwd: join(root, "repo"), env, stdio: "pipe" });
  git("add", "--force", ...layout.worktree.commit);
  git("commit", "--quiet", "--message", "second");
  git("worktree", "add", "--quiet", join(root, layout.worktree.at));
}
