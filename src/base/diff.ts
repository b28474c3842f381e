/** What changed between two texts, line by line, in the form that `diff -u` prints. Line ends are not compared. */

interface Step {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

/** Beyond this many pairs of lines the middle is shown as taken out and put in whole. */
const MOST_PAIRS = 4_000_000;

/** Hunks with that many unchanged lines around each change; empty where nothing changed. */
export function lineDiff(before: string, after: string, context = 3): string[] {
  const steps = stepsBetween(linesOf(before), linesOf(after));
  const shown = steps.map((_, i) => steps.slice(Math.max(0, i - context), i + context + 1).some(({ sign }) => sign !== " "));
  const result: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let i = 0; i < steps.length; ) {
    if (!shown[i]) {
      oldLine++;
      newLine++;
      i++;
      continue;
    }
    let end = i;
    while (end < steps.length && shown[end]) end++;
    const hunk = steps.slice(i, end);
    const [removed, added] = [hunk.filter(({ sign }) => sign !== "+").length, hunk.filter(({ sign }) => sign !== "-").length];
    // An empty side is said to stand after the line before it.
    result.push(`@@ -${removed === 0 ? oldLine - 1 : oldLine},${removed} +${added === 0 ? newLine - 1 : newLine},${added} @@`);
    for (const { sign, line } of hunk) result.push(sign + line);
    oldLine += removed;
    newLine += added;
    i = end;
  }
  return result;
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function stepsBetween(before: readonly string[], after: readonly string[]): Step[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const same = (lines: readonly string[]): Step[] => lines.map((line) => ({ sign: " ", line }));
  return [...same(before.slice(0, start)), ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)), ...same(before.slice(before.length - end))];
}

function middle(before: readonly string[], after: readonly string[]): Step[] {
  const taken = (line: string): Step => ({ sign: "-", line });
  const put = (line: string): Step => ({ sign: "+", line });
  if (before.length === 0 || after.length === 0 || before.length * after.length > MOST_PAIRS) return [...before.map(taken), ...after.map(put)];
  // Length of the longest common run of lines from each pair of places on.
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = before[i] === after[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      steps.push({ sign: " ", line: before[i++]! });
      j++;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) steps.push(taken(before[i++]!));
    else steps.push(put(after[j++]!));
  }
  return [...steps, ...before.slice(i).map(taken), ...after.slice(j).map(put)];
}
