/**
 * Templates for beginning a piece of work: a CLAUDE.session.md with the goal to fill in, a plan, and the questions that fit the
 * kind of work; and a skeleton of a CLAUDE.md. Pure text. Comments are for the person who fills it in, and are given to nobody.
 */

interface Template {
  readonly goal: string;
  readonly plan: readonly string[];
  readonly questions: readonly string[];
}

const TEMPLATES: Readonly<Record<string, Template>> = {
  feature: {
    goal: "What can be done afterwards that cannot be done now, and by whom?",
    plan: ["Find where it belongs, and what is there already", "Write the test that shows it working", "Build it", "Bring the documentation up to date"],
    questions: ["What must stay as it is?", "What is not part of it?", "How is it known to be done?"],
  },
  bugfix: {
    goal: "What happens, and what should happen instead?",
    plan: ["Reproduce it", "Write a test that fails because of it", "Find the cause, not the symptom", "Fix it, and look for the same mistake elsewhere"],
    questions: ["Since which version or change does it happen?", "Where does it not happen?", "Who works around it today, and would the fix break that?"],
  },
  refactor: {
    goal: "What becomes easier, and how is that seen?",
    plan: ["See that tests cover what it does now", "Change the shape in steps that each pass the tests", "Take out what is no longer used"],
    questions: ["Which behaviour and which interfaces may not change?", "Who else works on these files now?", "Where does it stop?"],
  },
  research: {
    goal: "Which decision is to be made with the answer?",
    plan: ["Write down what is known, with where from", "List what could be true, and what would tell them apart", "Try the cheapest of these first", "Write down the answer, and how sure it is"],
    questions: ["What would change the decision?", "What was tried before?", "When is it good enough?"],
  },
  incident: {
    goal: "Who is affected, since when, and what has to work again first?",
    plan: ["Stop the damage", "Note each step taken, with its time", "Find what changed", "Mend it, and see that it holds", "Write down what would have prevented it"],
    questions: ["What can be taken back safely?", "What must not be lost: logs, data, state?", "Who has to be told?"],
  },
};

export const TEMPLATE_NAMES: readonly string[] = Object.keys(TEMPLATES);

/** Undefined where there is none of that name. */
export function sessionTemplate(name: string): string | undefined {
  const found = Object.hasOwn(TEMPLATES, name) ? TEMPLATES[name] : undefined;
  if (found === undefined) return undefined;
  const { goal, plan, questions } = found;
  const parts = [
    `# Session: ${name}`, "<!-- Kept by Tidemark from the next session on. What you change, add or delete here stays as you leave it. -->",
    "## Goal", `<!-- ${goal} -->`,
    "## Plan", plan.map((item) => `- next: ${item}`).join("\n"),
    "## Decisions", "## Dead ends", "## Blockers",
    "## Questions", questions.map((item) => `- ${item}`).join("\n"),
  ];
  return `${parts.join("\n\n")}\n`;
}

export const MEMORY_TEMPLATE = `# Project

<!-- What an agent cannot see from the code. Short: it is read at every start. -->

## Commands

<!-- How to build it, test it, and run one test. -->

## Rules

<!-- What must always, and what must never be done, each with its reason. -->

## Where things are

<!-- Only what its name does not say. -->
`;
