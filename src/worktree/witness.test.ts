/** What is seen of a statement in a tree, and what is not looked at. Whether the verdicts are true: test/stories/staleness.test.ts. */
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { dependenciesOf } from "./dependencies.ts";
import { checkWitness, witness, type Asked } from "./witness.ts";

const asking = (given: Partial<Asked>): Asked => ({ paths: [], names: [], commands: [], words: [], ...given });

function tree(files: Readonly<Record<string, string>>): string {
  const root = join(scratch(), "tree");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("paths that lead out of the tree are not looked at, by name or by link", () => {
  const root = tree({ "a.ts": "export const a = 1;\n" });
  writeFileSync(join(root, "../secret.txt"), "secret");
  symlinkSync(join(root, "../secret.txt"), join(root, "link.txt"));
  symlinkSync(join(root, ".."), join(root, "up"));
  expect(witness(root, asking({ paths: ["../secret.txt", "/etc/passwd", "link.txt", "up/secret.txt", "a/../../secret.txt"] }))).toBeUndefined();
  expect(checkWitness(root, { files: [{ path: "link.txt", hash: "x" }] }, undefined).check).toBe("gone");
});

test("what is not there is nothing to go by; a folder is there or not", () => {
  const root = tree({ "src/a.ts": "export const a = 1;\n" });
  expect(witness(root, asking({ paths: ["src/b.ts", "e.g.x"], names: ["nowhere"], words: ["zod"], commands: ["npm test"] }))).toBeUndefined();
  const about = witness(root, asking({ paths: ["src/"] }))!;
  expect(checkWitness(root, about, undefined).check).toBe("current");
  expect(checkWitness(scratch(), about, undefined)).toEqual({ check: "gone", why: ["src"] });
});

test("a file written to after the statement was made, or too large to read, is not called current", () => {
  const root = tree({ "old.ts": "export const a = 1;\n", "large.ts": "x".repeat(1024 * 1024 + 1) });
  const [before, after] = [witness(root, asking({ paths: ["old.ts"], names: ["a"] }), 1)!, witness(root, asking({ paths: ["large.ts"] }))!];
  expect(before).toEqual({ files: [{ path: "old.ts" }], symbols: [{ name: "a", path: "old.ts" }] });
  expect([before, after].map((about) => checkWitness(root, about, undefined).check)).toEqual(["unverified", "unverified"]);
  utimesSync(join(root, "old.ts"), 1, 1);
  expect(checkWitness(root, witness(root, asking({ paths: ["old.ts"] }), 2000)!, undefined).check).toBe("current");
});

test("the worst of what is found counts, and says of what", () => {
  const root = tree({ "a.ts": "one", "b.ts": "two" });
  const about = witness(root, asking({ paths: ["a.ts", "b.ts"] }))!;
  writeFileSync(join(root, "a.ts"), "other");
  expect(checkWitness(root, about, undefined)).toEqual({ check: "changed", why: ["a.ts"] });
  expect(checkWitness(root, { ...about, branch: "main" }, "next").why).toEqual(["a.ts", "branch main; this is next"]);
  expect(checkWitness(root, { ...about, commands: ["./gone.sh"] }, undefined)).toEqual({ check: "gone", why: ["./gone.sh"] });
  expect(checkWitness(root, {}, undefined)).toEqual({ check: "unverified", why: [] });
});

test("names with marks of a pattern in them are names", () => {
  const root = tree({ "a.ts": "export const $x$ = 1;\n" });
  expect(witness(root, asking({ paths: ["a.ts"], names: ["$x$", "Store.$x$"] }))?.symbols?.map(({ name }) => name)).toEqual(["$x$", "Store.$x$"]);
});

test("dependencies of each kind of manifest, and none of a broken one", () => {
  const root = tree({
    "package.json": '{"dependencies": {"zod": "4"}, "devDependencies": {"vitest": "4.1"}}',
    "go.mod": "module x\n\nrequire (\n\tgithub.com/spf13/cobra v1.9.1\n\tgolang.org/x/mod/v2 v2.0.0 // indirect\n)\n",
    "Cargo.toml": '[package]\nname = "x"\n\n[dependencies]\nserde = { version = "1.0", features = ["derive"] }\nlog = "0.4"\n',
    "requirements.txt": "Requests>=2.0\n# a note\nflask==3.0\n",
    "pyproject.toml": '[project]\ndependencies = [\n  "httpx>=0.27",\n]\n',
  });
  expect([...dependenciesOf(root)].map(([name, { version }]) => `${name} ${version}`)).toEqual(["zod 4", "vitest 4.1", "github.com/spf13/cobra v1.9.1", "cobra v1.9.1", "golang.org/x/mod/v2 v2.0.0", "mod v2.0.0", "serde 1.0", "log 0.4", "requests >=2.0", "flask ==3.0", "httpx >=0.27"]);
  expect([...dependenciesOf(tree({ "package.json": "{" }))]).toEqual([]);
});

test("commands: scripts, targets, and folders that are named", () => {
  const root = tree({ "package.json": '{"scripts": {"test": "x"}}', Makefile: "all: x\n\tx\n", "go.mod": "module x\n", "internal/a.go": "package a\n" });
  const commands = ["npm test", "make all", "go test ./internal/...", "go test ./..."];
  expect(witness(root, asking({ commands: [...commands, "npm run gone", "make gone", "go test ./gone/...", "cargo test", "kubectl apply"] }))?.commands).toEqual(commands);
});
