/** The suite on what Claude Code 2.1.330 wrote. What only its transcripts have is in translate.test.ts and test/stories/. */
import { describeHistory, jsonLinesChange } from "../history.suite.ts";
import { claudeCode } from "./history.ts";

/** A fork: it has all its records in one file, the session it left has a subagent's beside it. */
const FORK = "29b7a28a-03ab-4d79-ae79-c24c4cd6e265";

describeHistory(claudeCode, {
  fixture: "test/fixtures/claude-code/2.1.330",
  folder: ".claude",
  session: FORK,
  cwd: "/tmp/demo",
  told: [
    "1 Add a greeting and run the check RUN:sample1: completed; Read Read Edit Write Bash Bash(failed) TaskCreate Agent; a.txt edited +1 -1, greet.txt created +1 -0",
    "2 Make it friendlier RUN:sample2: completed; Edit; greet.txt edited +1 -1",
    "3 Try a variant: completed",
  ],
  answer: "DONE",
  resume: `claude --resume ${FORK}`,
  file: `projects/-tmp-demo/${FORK}.jsonl`,
  prompt: "Add a greeting and run the check RUN:sample1",
  version: "2.1.330",
  change: jsonLinesChange({ type: "dream", uuid: "11111111-2222-4333-8444-555555555555", sessionId: FORK, timestamp: "2026-02-01T10:00:00.000Z", of: "sheep" }),
});
