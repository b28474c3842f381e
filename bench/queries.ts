/**
 * The query mix of the search benchmark: what people type at a log of coding sessions. Questions in words, names and
 * parts of them, paths, commands, error lines, common words alone, rare words, phrases; some kept to one project.
 */
export interface Query {
  readonly text: string;
  readonly here?: boolean;
}

export const QUERIES: readonly Query[] = [
  { text: "why did we move away from suffixes for shadow branches" },
  { text: "what did we decide about the metadata branch", here: true },
  { text: "which tests were failing last time" },
  { text: "how do I run the integration tests" },
  { text: "session state file" },
  { text: "error handling in the commit hook", here: true },
  { text: "token usage calculation for subagents" },
  { text: "what was the root cause of the invalid date crash" },
  { text: "uncommitted changes warning on resume" },
  { text: "attribution of human edits between prompts" },
  { text: "parseTranscript" },
  { text: "ManualCommitStrategy" },
  { text: "shadow branch name" },
  { text: "getOrCreateShadowBranch", here: true },
  { text: "checkpoint_id" },
  { text: "WriteTemporary options" },
  { text: "cmd/entire/cli/strategy/common.go" },
  { text: "settings.json" },
  { text: "hooks_claudecode_handlers.go UserPromptSubmit" },
  { text: "mise run lint" },
  { text: "go test ./..." },
  { text: "git rebase" },
  { text: "undefined: sessionID" },
  { text: "permission denied" },
  { text: "panic: runtime error" },
  { text: "the" },
  { text: "file" },
  { text: "test" },
  { text: "error" },
  { text: "return err", here: true },
  { text: "func string error return if nil" },
  { text: "add a flag to the command and update the documentation and the tests" },
  { text: "goreleaser notarize retry" },
  { text: "posthog telemetry" },
  { text: "\"shadow branch\"" },
  { text: "\"not a git repository\"" },
  { text: "linear issue ENT-108", here: true },
  { text: "pull request review comments" },
  { text: "zsh completion" },
  { text: "dead code" },
];
