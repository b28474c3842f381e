/** Shell text taken apart: the words and where they go, and what is not understood. */
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { parseShell, roughly } from "./shell.ts";

/** Commands as text: words joined by "|", "?" before a dynamic one, "$" for an expansion, then > paths and = names. */
function told(text: string): string[] | undefined {
  return parseShell(text)?.commands.map(({ words, writes, assigns }) =>
    [...words.map((word) => `${word.dynamic ? "?" : ""}${word.text.replaceAll("\0", "$")}`), ...writes.map(({ path, truncates }) => `${truncates ? ">" : ">>"}${path.replaceAll("\0", "$")}`), ...assigns.map((name) => `${name}=`)].join("|"),
  );
}

describe("parseShell", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["ls -la", ["ls|-la"]],
    ["", []],
    ["# only a remark", []],
    ["ls # rm -rf /", ["ls"]],
    ["echo a#b", ["echo|a#b"]],
    ["a; b && c || d | e |& f\ng", ["a", "b", "c", "d", "e", "f", "g"]],
    ["echo 'a;b' \"c && d\" e\\;f", ["echo|a;b|c && d|e;f"]],
    ["echo \"a \\\" b\" 'it'\\''s'", ["echo|a \" b|it's"]],
    ["echo a \\\n  b", ["echo|a|b"]],
    ["(cd x && ls) > out", ["cd|x", "ls", ">out"]],
    ["{ ls; pwd; } 2>err", ["ls", "pwd", ">err"]],
    ["cmd > a >> b 2> c 2>&1 >&2 &> d &>> e >| f < g", ["cmd|>a|>>b|>c|>d|>>e|>f"]],
    ["cmd >/dev/null 2>&1 <&- >&-", ["cmd"]],
    ["cmd > \"$F\"", ["cmd|>$"]],
    ["cmd >& both", ["cmd|>both"]],
    ["A=1 B=$(pwd) cmd x", ["pwd", "cmd|x|A=|B="]],
    ["A=1", ["A="]],
    ["echo $X \"$X\" \"a$X\" a$X ${X:-y} \"$@\" \"a$@\"", ["echo|?$|?$|a$|?a$|?$|?$|?a$"]],
    ["echo $(git log | head) \"$(date)\"", ["git|log", "head", "date", "echo|?$|?$"]],
    ["diff <(sort a) <(sort b)", ["sort|a", "sort|b", "diff|?$|?$"]],
    ["ls *.ts src/*.ts [a]x ?y {a,b} a{b,c} {}", ["ls|?*.ts|src/*.ts|?[a]x|??y|?{a,b}|a{b,c}|{}"]],
    ["if [ -f a ]; then cat a; else pwd; fi", ["[|-f|a|]", "cat|a", "pwd"]],
    ["for f in a b; do cat \"$f\"; done | sort > o", ["for|f|in|a|b|f=", "cat|?$", "sort|>o"]],
    ["while IFS= read -r l; do echo \"$l\"; done < in", ["read|-r|l|IFS=", "echo|?$"]],
    ["[[ -f a && b < c || $x == *.ts ]] && ls", ["[[", "ls"]],
    ["(( i++ < 3 )) && echo $((i * (2 + 1)))", ["((", "echo|?$"]],
    ["! grep -q a b", ["grep|-q|a|b"]],
    ["cat <<'EOF' > out\nrm -rf / $(x)\nEOF\nls", ["cat|>out", "ls"]],
    ["cat <<-EOF\n\ta $b\n\tEOF\nls", ["cat", "ls"]],
    ["git commit -m \"$(cat <<'EOF'\nit's a \"message\"\nEOF\n)\"", ["cat", "git|commit|-m|?$"]],
    ["cat <<< \"x\"", ["cat"]],
    ["echo $ 5$", ["echo|$|5$"]],
  ];
  test.each(cases)("%j", (text, expected) => expect(told(text)).toEqual(expected));

  test.each(["sleep 5 &", "a & b", "(a &) ; b"])("in the background: %s", (text) => expect(parseShell(text)?.background).toBe(true));
  test.each(["a && b", "a 2>&1", "a &> b", "echo 'a & b'", "[[ a && b ]]", "a |& b"])("not in the background: %s", (text) => expect(parseShell(text)?.background).toBe(false));

  const unknown = [
    "echo `ls`", "echo \"`ls`\"", "f() { rm x; }", "function f { ls; }", "case $x in a) ls;; esac", "a=(1 2)", "echo 'open", "echo \"open", "(ls", "ls)", "cat <<EOF\n$(rm x)\nEOF", "cat <<EOF\nno end",
    "((rm x); (rm y))", "((rm) | (rm))", "echo $((rm)|(rm))", "echo $((rm x); (rm y))", "echo ${x:-$(rm y)}", "ls !(a)", "echo $(", "${", "a\0b", "( ".repeat(100) + ") ".repeat(100),
  ];
  test.each(unknown)("not understood: %j", (text) => expect(parseShell(text)).toBeUndefined());

  test("any text gives an answer, soon", () => {
    const seed = seedOf("shell");
    const pieces = ["ls", " ", ";", "&", "|", "(", ")", "{", "}", "'", '"', "`", "$", "$(", "${", "((", "))", "<", ">", "<<", "EOF", "\n", "\\", "#", "=", "a", "[[", "]]", "if", "do", "done", "*", "!", "\u{1F600}"];
    const began = performance.now();
    for (let round = 0; round < 8000; round++) {
      const random = randomFrom(seed + round);
      const text = Array.from({ length: Math.floor(random() * 25) }, () => pieces[Math.floor(random() * pieces.length)]).join("");
      try {
        parseShell(text);
        roughly(text);
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${JSON.stringify(text)}`, { cause: error });
      }
    }
    for (const text of ["a ".repeat(90_000), "$(".repeat(90_000), "'a' ".repeat(40_000), "cat <<E\n".repeat(20_000), "[[ ".repeat(60_000), `echo ${"{".repeat(100_000)}`]) {
      parseShell(text);
      roughly(text);
    }
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test("at a glance what is dangerous is found in a text that is not understood", () => {
  const names = roughly('for f in `ls`; do FOO=1 rm -rf "$f" > log; done; case x in a) git reset --hard;; esac').map(({ words }) => words.map(({ text }) => text).join(" "));
  expect(names).toEqual(expect.arrayContaining(["ls", "rm -rf", "git reset --hard"]));
});
