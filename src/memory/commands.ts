/** Shell lines as what was run: their simple commands, whether they failed, and the line that says why. Pure; for the brief and for extraction. */
import type { Call } from "../session/fold.ts";

/** Looking around and plain git are not worth remembering. */
const DULL =
  /^(?:cd|ls|cat|head|tail|grep|rg|sed|awk|wc|find|echo|pwd|mkdir|cp|mv|rm|touch|chmod|sleep|sort|uniq|true|export|set|git (?:status|diff|log|add|commit|show|branch|stash|checkout|rev-parse|push|pull|fetch))\b/;

/** The simple commands of a shell line by their first three words; what stands in quotes or here-documents is no command. */
export function commandHeads(line: string): string[] {
  const heads: string[] = [];
  const bare = line.replace(/\\\n/g, " ").replace(/<<-?\s*(['"]?)(\w+)\1[\s\S]*?(?:\n\2\b|$)/g, "").replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, (quoted) => (/[\n;|&]/.test(quoted) ? "'…'" : quoted));
  for (const part of bare.split(/&&|\|\||[;\n|]/)) {
    const plain = part.trim().replace(/^(?:if|then|else|elif|do|while|until|for|case|time|sudo|!)\s+(?:!\s+)?/, "").replace(/^\w+=\S+\s+/, "").replace(/\s*\d?>&?\d?\s*\S*/g, "").trim();
    if (plain === "" || plain.startsWith("#") || /^(?:read|fi|done|esac|\w+ in)\b/.test(plain) || DULL.test(plain)) continue;
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
