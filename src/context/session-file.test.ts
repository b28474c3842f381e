/** What a session file says of a story, and that hands win over it, whatever is derived later. */
import { expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { foldSession } from "../session/fold.ts";
import { deriveSessionFile, editsOf, mergeEdits, NO_EDITS, notedByHand, parseSessionFile, renderSessionFile, whyLeftAlone, type Edits } from "./session-file.ts";

const derive = (tell: (c: Conversation) => void) => deriveSessionFile(foldSession("s1", conversation(tell)));

const begun = (c: Conversation): void => {
  c.user("Make the parser twice as fast, please.");
  c.plan([{ content: "Measure it", status: "completed" }, { content: "Write the table", status: "in_progress" }, { content: "Run the tests", status: "pending" }]);
  c.agent("I decided to use a lookup table because it needs no branches. The cache did not work since the keys are never the same.");
};
const further = (c: Conversation): void => {
  begun(c);
  c.user("Now go on with the tests of it");
  c.plan([{ content: "Measure it", status: "completed" }, { content: "Write the table", status: "completed" }, { content: "Run the tests", status: "in_progress" }]);
  c.call("Bash", { command: "npm run check" }, "error: table.ts(3): expected ;", "failed");
  c.agent("It fails. Should the old parser stay in place for now?");
};

/** A file that is written, edited by hand, and brought up to date again and again. */
function kept(first = begun) {
  let text = renderSessionFile(derive(first));
  let written = text;
  let edits: Edits = NO_EDITS;
  return {
    get text() {
      return text;
    },
    edit: (change: (text: string) => string) => void (text = change(text)),
    update: (tell: (c: Conversation) => void) => {
      const merged = mergeEdits(parseSessionFile(written), parseSessionFile(text), derive(tell), edits);
      edits = merged.edits;
      written = text = renderSessionFile(merged.parts);
      return text;
    },
  };
}

test("goal, plan, decisions, dead ends and blockers of a session", () => {
  expect(renderSessionFile(derive(further))).toMatchInlineSnapshot(`
    "# Session

    <!-- Kept by Tidemark. What you change, add or delete here stays as you leave it. -->

    ## Goal

    - last asked: “Now go on with the tests of it”
    - first asked: “Make the parser twice as fast, please.”

    ## Plan

    - done: Measure it
    - done: Write the table
    - doing: Run the tests

    ## Decisions

    - I decided to use a lookup table because it needs no branches.

    ## Dead ends

    - The cache did not work since the keys are never the same.

    ## Blockers

    - waits for an answer: Should the old parser stay in place for now?
    - \`npm run check\` fails: “error: table.ts(3): expected ;”
    "
  `);
});

test("a file that nobody touched follows the session, and is read as it was written", () => {
  const file = kept();
  expect(file.update(further)).toBe(renderSessionFile(derive(further)));
  expect(renderSessionFile(parseSessionFile(file.text))).toBe(file.text);
  expect(file.update(further)).toBe(file.text);
});

test("what was changed by hand stays, through every later derivation", () => {
  const file = kept();
  file.edit((text) => text.replace("- doing: Write the table", "- done: Write the table").replace("because it needs no branches.", "because it is simpler.").replace("- next: Run the tests", "- next: Run the tests\n  on Windows, too"));
  for (let i = 0; i < 3; i++) {
    const text = file.update(i === 1 ? begun : further);
    expect(text).toContain("- done: Write the table\n- next: Run the tests\n  on Windows, too\n");
    expect(text).toContain("because it is simpler.");
    expect(text).not.toContain("because it needs no branches.");
  }
});

test("what was deleted stays deleted, also when it is not derived for a while; a heading takes its items along", () => {
  const file = kept();
  file.edit((text) => text.replace("- done: Measure it\n", "").replace(/\n## Dead ends\n\n- .*\n/, ""));
  file.update(further);
  file.update((c) => c.user("Something else altogether now, please"));
  const text = file.update(further);
  expect(text).not.toContain("Measure it");
  expect(text).not.toContain("Dead ends");
  expect(text).toContain("- done: Write the table\n- doing: Run the tests");
  file.edit((each) => each.replace("## Plan\n", "## Plan\n- done: Measure it\n"));
  expect(file.update(further)).toContain("## Plan\n\n- done: Measure it\n- done: Write the table");
});

test("what was added stays where it was put, verbatim, with headings and code of one's own", () => {
  const file = kept();
  const code = "```sh\n- no item\n\n## no heading\n```";
  file.edit((text) => text.replace("- doing: Write the table", "- doing: Write the table\n- next: Ask Ann").replace("## Decisions", `## Links\n\nThe old one: a.ts\n\n${code}\n\n## Decisions`));
  for (let i = 0; i < 3; i++) file.update(further);
  expect(file.text).toContain("- done: Write the table\n- next: Ask Ann\n- doing: Run the tests\n");
  expect(file.text).toContain(`## Links\n\nThe old one: a.ts\n\n${code}\n\n## Decisions`);
  file.edit((text) => text.replace("- next: Ask Ann\n", ""));
  expect(file.update(further)).not.toContain("Ask Ann");
});

test("the same item twice is two items, and line ends of another system are no edit", () => {
  const parts = parseSessionFile("## Plan\n- a\n\n\n- a");
  expect(renderSessionFile(parts)).toBe("## Plan\n\n- a\n- a\n");
  const text = renderSessionFile(derive(begun));
  expect(editsOf(parseSessionFile(text), parseSessionFile(text.replaceAll("\n", "\r\n")))).toEqual(NO_EDITS);
});

test("random edits by hand are all there after random derivations", () => {
  let seed = 7;
  const dice = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const file = kept();
  const [added, gone] = [new Set<string>(), new Set<string>()];
  for (let i = 0; i < 120; i++) {
    const lines = file.text.split("\n");
    const items = lines.flatMap((line, at) => (line.startsWith("- ") ? [at] : []));
    const at = items[dice(Math.max(1, items.length))];
    if (dice(3) === 0 && at !== undefined) {
      const [line] = lines.splice(at, 1);
      if (!added.delete(line!)) gone.add(line!.replace(/^- (?:done: |doing: |next: )?/, ""));
    } else {
      const line = `- note ${i}`;
      lines.splice(lines.findIndex((each) => each === "## Plan") + 1 + dice(2), 0, line);
      added.add(line);
    }
    file.edit(() => lines.join("\n"));
    const text = file.update(dice(2) === 0 ? begun : further);
    for (const line of added) expect(text.split("\n")).toContain(line);
    for (const line of gone) expect(text).not.toContain(line);
  }
  expect(added.size).toBeGreaterThan(20);
  expect(gone.size).toBeGreaterThan(3);
});

test("what is no session file any more is told from one", () => {
  expect(whyLeftAlone(renderSessionFile(derive(begun)))).toBeUndefined();
  expect(whyLeftAlone("PNG\0")).toMatch(/no text/);
  expect(whyLeftAlone("\ufffd\ufffd## x")).toMatch(/no text/);
  expect(whyLeftAlone("just words")).toMatch(/no heading/);
  expect(whyLeftAlone("")).toMatch(/no heading/);
});

test("what hands wrote is told on one line each, without comments and escapes, and within its length", () => {
  const text = renderSessionFile(derive(begun));
  const edited = parseSessionFile(text.replace("## Plan", "## Plan\n- next: Ask\u001b[31m Ann\n  today\n\n<!-- a hint -->\n").replace("## Decisions", "## Decisions\nUse tabs."));
  const edits = editsOf(parseSessionFile(text), edited);
  expect(notedByHand(edited, edits, 1000)).toEqual(["Plan: next: Ask Ann today", "Decisions: Use tabs."]);
  expect(notedByHand(edited, edits, 30)).toEqual(["Plan: next: Ask Ann today"]);
});
