/** What the brief says, in which order, within which budget, and what it does with a tree that has moved on. */
import { beforeAll, describe, expect, test } from "vitest";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { loadTokenizer, type CountTokens } from "../base/tokens.ts";
import { foldSession } from "../session/fold.ts";
import { packBrief, type Brief } from "./brief.ts";
import { draftBrief, questions, type FileStanding } from "./draft.ts";

let countTokens: CountTokens;
beforeAll(async () => {
  countTokens = await loadTokenizer();
});

function briefOf(tell: (c: Conversation) => void, budget = 1500, standing?: (path: string) => FileStanding | undefined): Brief {
  const draft = draftBrief(foldSession("s1", conversation(tell)));
  return packBrief(draft, { budget, countTokens, ...(standing === undefined ? {} : { standing }) });
}

function work(c: Conversation): void {
  c.user("Add retries to the uploader. Never retry on a 4xx answer.");
  c.call("Read", { file_path: "/work/app/src/uploader.ts" }, "export function sendChunk() {}\nconst retryPolicy = 1;");
  c.agent("We'll use exponential backoff instead of a fixed delay, because the server rate-limits bursts.");
  c.call("Edit", { file_path: "/work/app/src/uploader.ts", old_string: "x", new_string: "retryWithBackoff(sendChunk)" }, "ok");
  c.call("Bash", { command: "npm run test:unit" }, "--- FAIL uploader retries twice", "failed");
  c.agent("The fixed delay did not work because the test clock never advances past the timeout.");
  c.plan([{ content: "write the retry loop", status: "completed" }, { content: "make the test clock advance", status: "in_progress" }, { content: "update the changelog", status: "pending" }]);
  c.agent("One test still fails. Should I fake the timers or inject a clock?");
}

describe("what is said", () => {
  test("goal, decision with its reason, dead end, question, files with names, failing command, plan and next step", () => {
    const { text } = briefOf(work);
    expect(text).toContain("Add retries to the uploader. Never retry on a 4xx answer.");
    expect(text).toMatch(/## Decisions\n- We'll use exponential backoff instead of a fixed delay, because the server rate-limits bursts\. ·1/);
    expect(text).toMatch(/## Tried and failed\n- The fixed delay did not work because/);
    expect(text).toMatch(/## Open, waiting on the user\n- Should I fake the timers or inject a clock\? ·1/);
    expect(text).toMatch(/src\/\nuploader\.ts ·1:.*retryWithBackoff/);
    expect(text).toMatch(/FAILED: npm run test:unit ·1/);
    expect(text).toMatch(/## Next\n- doing: make the test clock advance ·1\n- to do: update the changelog ·1/);
  });

  test("the goal comes before the files, state and next step last", () => {
    const { text } = briefOf(work);
    const order = ["## Goal", "## Files and names", "## State", "## Next"].map((title) => text.indexOf(title));
    expect(order.every((at) => at > 0)).toBe(true);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  test("every line names its turn, and the lines as data say the same", () => {
    const { text, lines } = briefOf(work);
    for (const line of text.split("\n").filter((each) => each.startsWith("- "))) expect(line).toMatch(/ ·\d+(?:; .* ·\d+)*$/);
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect(line.source).toEqual({ session: "s1", turn: 1 });
  });

  test("a call that was under way when the session died is named with its outcome unknown", () => {
    const { text } = briefOf((c) => {
      c.user("Deploy the release to staging please");
      c.call("Bash", { command: "./deploy.sh staging" });
    });
    expect(text).toContain("ended abnormally in the middle of its work");
    expect(text).toMatch(/## Next\n- Look first whether this took effect, its outcome is unknown: Bash \.\/deploy\.sh staging ·1/);
  });

  test("what was gone back on is not told", () => {
    const { text } = briefOf((c) => {
      c.user("Start with the parser of the config file");
      c.agent("The parser is done.");
      const before = c.last;
      c.user("Now rewrite everything in Haskell instead");
      c.agent("Rewriting in Haskell.");
      c.backTo(before);
      c.user("Now write the printer for it");
      c.agent("The printer is done.");
    });
    expect(text).toContain("printer");
    expect(text).not.toContain("Haskell");
  });

  test("a sentence is said once, whichever section it would also suit", () => {
    const { text } = briefOf((c) => {
      c.user("Never retry on a 4xx answer, because the server counts them.");
      c.agent("Use a queue instead of a timer because the timer did not work under load.");
    });
    expect(text.split("Never retry on a 4xx answer")).toHaveLength(2 + 1);
    expect(text.split("Use a queue instead of a timer")).toHaveLength(2);
  });

  test("names that nothing ties to a file come before any file, and files without names share the mark of their turn", () => {
    const { text } = briefOf((c) => {
      c.user("Look at what the server answers");
      c.call("Bash", { command: "curl localhost/state" }, "retry_budget");
      for (const name of ["alpha", "bravo"]) c.call("Read", { file_path: `/work/app/src/${name}.ts` }, "x");
    });
    expect(text).toMatch(/## Files and names\nof no one file: retry_budget ·1\nsrc\/\n(?:alpha\.ts bravo\.ts|bravo\.ts alpha\.ts) ·1/);
  });

  test("an empty session has an empty brief", () => {
    expect(briefOf(() => undefined)).toEqual({ text: "", tokens: 0, lines: [], left_out: {} });
  });

  test("escape sequences in what was said do not reach the reader", () => {
    const { text } = briefOf((c) => {
      c.user("Make the \u001b[31mred\u001b[0m button\u202e elif");
      c.agent("Done with the red button.");
    });
    expect(text).toContain("Make the red button elif");
  });
});

describe("the budget", () => {
  test.each([1, 20, 60, 100, 200, 400, 800, 1500, 4000])("of %d tokens is never exceeded", (budget) => {
    const { text, tokens } = briefOf(work, budget);
    expect(tokens).toBe(countTokens(text));
    expect(tokens).toBeLessThanOrEqual(budget);
  });

  test("a small one still holds the goal", () => {
    expect(briefOf(work, 140).text).toContain("Add retries to the uploader");
  });

  test("a long last request is said though it takes more than its share", () => {
    const asked = "Rewrite the importer so that 1,204 odd ids such as q7-x9/ä0 stay whole; ".repeat(5);
    expect(briefOf((c) => {
      c.user("Begin");
      c.agent("Begun.");
      c.user(asked);
      c.agent("Done.");
    }, 420).text).toContain("last asked: “Rewrite the importer");
  });

  test("one that is larger than what there is to say is not filled up", () => {
    expect(briefOf(work, 100_000).tokens).toBeLessThan(600);
  });

  test("what did not fit is counted", () => {
    const { left_out } = briefOf((c) => {
      c.user("Look at all of these files and rename the helpers in them");
      for (let i = 0; i < 300; i++) c.call("Read", { file_path: `/work/app/src/module${i}.ts` }, `const helperNumber${i} = 1;`);
      c.agent("Done.");
    }, 400);
    expect(left_out.files).toBeGreaterThan(100);
  });

  test("the same session gives the same bytes", () => {
    expect(briefOf(work).text).toBe(briefOf(work).text);
  });
});

describe("the tree as it is now", () => {
  const standing = (check: FileStanding["check"], names?: string[]) => (): FileStanding => ({ check, ...(names === undefined ? {} : { names: new Set(names) }) });

  test("without a tree nothing is said to be current", () => {
    const { text, lines } = briefOf(work);
    expect(text).toContain("Not checked: the project is not on this machine.");
    expect(new Set(lines.map(({ check }) => check))).toEqual(new Set(["unverified"]));
  });

  test("a file that is gone is said to be gone and its names are dropped", () => {
    const { text, lines } = briefOf(work, 1500, standing("gone"));
    expect(text).toMatch(/✗ gone since: uploader\.ts ·1/);
    expect(text).not.toContain("retryPolicy");
    expect(lines.find(({ check }) => check === "gone")).toBeDefined();
  });

  test("a sentence that names what is gone says so", () => {
    const { text } = briefOf((c) => {
      c.user("Where is the entry point of this program?");
      c.call("Read", { file_path: "/work/app/src/entry.ts" }, "export function bootEverything() {}");
      c.agent("We decided to keep entry.ts because bootEverything is called from outside.");
    }, 1500, standing("gone"));
    expect(text).toMatch(/^- ✗ agent: We decided to keep entry\.ts because/m);
  });

  test("a file that nothing is known of is marked as not checked", () => {
    expect(briefOf(work, 1500, () => undefined).text).toMatch(/^\? uploader\.ts ·1/m);
  });

  test("a file that was changed since is marked, and only names it still has are given", () => {
    const { text, lines } = briefOf(work, 1500, standing("changed", ["retryWithBackoff"]));
    expect(text).toMatch(/~ uploader\.ts ·1: retryWithBackoff$/m);
    expect(text).not.toContain("retryPolicy");
    expect(lines.find(({ text: line }) => line.startsWith("src/uploader.ts"))?.check).toBe("changed");
  });

  test("a file that is as it was is current", () => {
    const { lines } = briefOf(work, 1500, standing("current", ["retryWithBackoff", "retryPolicy", "sendChunk"]));
    expect(lines.find(({ text }) => text.startsWith("src/uploader.ts"))).toMatchObject({ check: "current" });
  });

  test("a script that package.json no longer has is not recommended", () => {
    const draft = draftBrief(foldSession("s1", conversation(work)));
    const { text } = packBrief(draft, { budget: 1500, countTokens, standing: standing("current"), commandStands: () => false });
    expect(text).not.toContain("## Commands");
  });

  test("files are asked about by all their paths, with their names", () => {
    const draft = draftBrief(foldSession("s1", conversation(work)));
    expect(questions(draft, 5)).toContainEqual({ file: "uploader.ts", paths: ["/work/app/src/uploader.ts"], names: expect.arrayContaining(["retryWithBackoff", "retryPolicy"]) });
  });
});
