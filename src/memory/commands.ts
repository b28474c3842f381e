/** Shell lines as what was run: their simple commands, whether they failed, and the line that says why. Pure; for the brief and for extraction. */
import { commandsIn } from "../base/shell.ts";
import type { Call } from "../session/fold.ts";

/** Looking around and plain git are not worth remembering. */
const DULL =
  /^(?:cd|ls|cat|head|tail|grep|rg|sed|awk|wc|find|echo|pwd|mkdir|cp|mv|rm|touch|chmod|sleep|sort|uniq|true|export|set|git (?:status|diff|log|add|commit|show|branch|stash|checkout|rev-parse|push|pull|fetch))\b/;

/** The simple commands of a shell line by their first three words; what stands in quotes or here-documents is no command. */
export function commandHeads(line: string): string[] {
  const heads: string[] = [];
  for (const part of commandsIn(line)) {
    const plain = part.replace(/^(?:if|then|else|elif|do|while|until|for|case|time|sudo|!)\s+(?:!\s+)?/, "").replace(/^\w+=\S+\s+/, "").replace(/\s*\d?>&?\d?\s*\S*/g, "").trim();
    if (plain === "" || /^(?:read|fi|done|esac|\w+ in)\b/.test(plain) || DULL.test(plain)) continue;
    const words = plain.split(/\s+/);
    if (words.length < 2 || !/^[\w./][\w./-]*$/.test(words[0]!)) continue;
    heads.push(words.slice(0, 3).join(" "));
  }
  return heads;
}

/** The line of an output that says what went wrong. */
export function failureLine(output: string): string {
  const lines = output.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const telling = lines.find((line) => /--- FAIL|^FAIL\b|panic:|\berror(?:\[\w+\])?:|undefined:|cannot |not found|No such file|expected|Exception|Traceback|fatal:/i.test(line) && !line.startsWith("Exit code"));
  return telling ?? lines.find((line) => !line.startsWith("Exit code")) ?? lines[0] ?? "";
}

/** Told to have failed, or its output says so although a pipe swallowed the exit status. */
export function failed({ outcome, output }: Pick<Call, "outcome" | "output">): boolean {
  return outcome === "failed" || (outcome === "returned" && /^(?:FAIL\b|--- FAIL|panic:|error(?:\[\w+\])?:)/m.test(output));
}

/** Programs that build, check or test something: what is worth running again. Anything else that exits with 0 proves nothing. */
const RUNNER =
  /^(?:npm (?:run |test|ci\b)|pnpm (?:run |test|build|lint)|yarn (?:run |test|build|lint)|npx (?:vitest|jest|tsc|eslint|playwright|prettier|oxlint)|bun (?:run|test)|deno (?:test|task|check)|go (?:test|build|vet|generate)|gofmt|golangci-lint|cargo (?:test|build|check|clippy|fmt)|make\b|just\b|mise (?:run|r)\b|task\b|pytest|python3? -m (?:pytest|unittest|mypy)|uv run|poetry run|tox|ruff|mypy|mvn|gradle|\.\/gradlew|dotnet (?:test|build)|bundle exec|rake|rspec|mix (?:test|compile)|swift (?:test|build)|terraform (?:validate|plan)|helm lint|shellcheck)/;

/**
 * The command of a line whose exit status the shell gave back, if it is one that builds, checks or tests; undefined where
 * a pipe, a list or a here-document stands between. Folders changed into before it and redirections are left out.
 */
export function verified(line: string): string | undefined {
  const bare = line.replace(/\\\n/g, " ").trim();
  if (/[|;`\n]|<<|\$\(|&\s*$|[^&]&[^&>]/.test(bare.replace(/\d?>&\d?/g, " "))) return undefined;
  const last = bare.split("&&").at(-1)!.replace(/\s*\d?>>?\s*(?:&\d|\S+)/g, "").trim().replace(/^(?:\w+=\S+\s+)+/, "").replace(/^time\s+/, "");
  return RUNNER.test(last) && last.length <= 120 && !/["']/.test(last) ? last.replace(/\s+/g, " ") : undefined;
}
