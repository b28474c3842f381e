/**
 * The one error class and the one table of codes. `docs/errors.md` is printed from the table.
 *
 * Absent, refused and broken are three things (ARCHITECTURE.md): absence is `undefined` or empty and
 * never an error; a refusal is an error of kind "user", "config" or "environment" with a hint, the next
 * command to type; anything else is "internal" and carries its `cause`. Damage found by `verify` is data,
 * not an error, and has codes of its own in `store/problems.ts`.
 */

export type ErrorKind = "user" | "config" | "environment" | "internal";

interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly hint: string;
  readonly meaning: string;
}

export const ERRORS = {
  USAGE: { kind: "user", hint: "tidemark --help", meaning: "The command line could not be understood." },
  SESSION_UNKNOWN: { kind: "user", hint: "tidemark sessions", meaning: "No stored session has that id or name." },
  SESSION_AMBIGUOUS: { kind: "user", hint: "Give more characters of the id; `tidemark sessions` lists them.", meaning: "More than one stored session begins with that id." },
  NO_SESSION_HERE: { kind: "user", hint: "tidemark sessions, then tidemark resume SESSION", meaning: "No stored session belongs to the project of this directory." },
  NO_SESSIONS: { kind: "user", hint: "tidemark import", meaning: "Nothing has been imported yet, so there is nothing to answer from." },
  PATH_MISSING: { kind: "user", hint: "Check the path; without one, `tidemark import` finds the agent's own folder.", meaning: "A path given on the command line does not exist." },
  PATH_UNREADABLE: { kind: "environment", hint: "Check the permissions of the path, then `tidemark import` again.", meaning: "A file or folder exists but could not be read." },
  NOT_A_TRANSCRIPT: { kind: "user", hint: "`tidemark import` without a path finds transcripts by itself.", meaning: "The file is not a transcript in JSON lines (binary, UTF-16 or another format)." },
  TRANSCRIPT_GONE: { kind: "user", hint: "tidemark resume SESSION", meaning: "The session is stored here, but the agent's own transcript of it is no longer on this machine." },
  REPAIR_NOTHING_LEFT: { kind: "user", hint: "`tidemark sessions` lists what was kept of it; `tidemark resume SESSION` gives the brief.", meaning: "The transcript has no whole record of a conversation, so there is nothing to repair it from." },
  REPAIR_EXISTS: { kind: "user", hint: "Move the file away, then repeat the command.", meaning: "Another file stands where the repaired transcript would be written; nothing is overwritten." },
  QUERY_EMPTY: { kind: "user", hint: "tidemark search \"words to find\"", meaning: "The search has no word that can be searched for." },
  BAD_VALUE: { kind: "user", hint: "tidemark COMMAND --help", meaning: "An option has a value that cannot be used." },
  TREE_REFUSED: { kind: "user", hint: "Change into the folder of a project.", meaning: "Checkpoints are not kept for this folder: it is a home folder, or holds one." },
  TREE_BUSY: { kind: "environment", hint: "Wait for it to end, then repeat the command.", meaning: "Another Tidemark process has been at work on this tree for a long time." },
  CHECKPOINT_UNKNOWN: { kind: "user", hint: "tidemark checkpoints", meaning: "No checkpoint, turn or call of this tree goes by that name." },
  NOTHING_DONE: { kind: "user", hint: "The same command with --merge or --force.", meaning: "Every file that an undo, redo or restore is about was kept or refused, so nothing was written." },
  COMMIT_UNKNOWN: { kind: "user", hint: "tidemark sessions lists sessions, git log commits.", meaning: "Neither a session nor a commit of this repository goes by that name." },
  NO_REPOSITORY: { kind: "user", hint: "git init makes it one; tidemark restore needs none.", meaning: "The tree is no git repository, so there is nothing to write a commit into." },
  REF_REFUSED: { kind: "user", hint: "Give another name: tidemark export --git NAME", meaning: "A commit is not written under this name: git does not allow it, it is there already, or it is checked out." },
  GIT_FAILED: { kind: "environment", hint: "What git said is part of the message.", meaning: "The program git is not there, or did not do what it was asked for." },
  NOT_TEXT: { kind: "user", hint: "tidemark checkpoints shows which turns changed it.", meaning: "The file is no text, too large, or not kept, so there are no lines to go through." },
  NOT_KEPT: { kind: "user", hint: "Copy the file elsewhere by hand, then write the version you want: tidemark context log FILE lists them.", meaning: "The present version of a file could not be kept, so it was not replaced by an older one." },
  NO_CHECKPOINTS: { kind: "user", hint: "tidemark init wires it into the agent; tidemark checkpoint makes one now.", meaning: "No checkpoint of this tree is kept." },
  FORGET_NEEDS_TARGET: { kind: "user", hint: "tidemark forget SESSION, or --event ID, --matching TEXT, --memory ID, or -- PATH", meaning: "`forget` was not told what to forget." },
  FORGET_NEEDS_YES: { kind: "user", hint: "The same command with --yes erases for good.", meaning: "Erasing cannot be undone, so it must be confirmed." },
  NEEDS_YES: { kind: "user", hint: "The same command with --yes.", meaning: "A change to files of yours is shown first and made when you say so." },
  MEMORY_REFUSED: { kind: "user", hint: "tidemark remember --help", meaning: "A statement, key or scope is not one that can be remembered: empty, too long, or with characters that have a meaning of their own." },
  MEMORY_UNKNOWN: { kind: "user", hint: "tidemark memory list --all", meaning: "No memory has that id or key, or no pass over them that id." },
  MEMORY_AMBIGUOUS: { kind: "user", hint: "Give more characters of the id; `tidemark memory list --all` lists them.", meaning: "More than one memory, or pass, begins with that id, or has that key." },
  MEMORY_FILE: { kind: "user", hint: "tidemark memory export shows how such a file looks.", meaning: "A file with memories has a line that cannot be read; nothing of it was taken in." },
  SESSION_FILE: { kind: "user", hint: "tidemark context session shows it.", meaning: "The CLAUDE.session.md of this tree holds something that would be lost, so it was left as it is." },
  TEMPLATE_UNKNOWN: { kind: "user", hint: "tidemark init --help", meaning: "No template has that name, or it is no text that can be used." },
  HANDLE_UNKNOWN: { kind: "user", hint: "Call the tool again without a token for a new one.", meaning: "A client passed a token or handle that was never given to it, is damaged, or is over." },
  HANDLE_OUTDATED: { kind: "user", hint: "Call the tool again without a token for a new preview.", meaning: "What was shown with a token is no longer what would be done, so nothing was done." },
  CONFIG_UNREADABLE: { kind: "config", hint: "Mend the file or point CLAUDE_CONFIG_DIR elsewhere.", meaning: "A settings file of the agent is not valid JSON." },
  SETTINGS_UNWRITABLE: { kind: "environment", hint: "Make the file and its folder writable, then repeat the command; `tidemark init --dry-run` shows what would be changed.", meaning: "A settings file of the agent cannot be read or written." },
  SETTINGS_CHANGED: { kind: "environment", hint: "Repeat the command.", meaning: "Another program wrote to a settings file of the agent at the same moment; what it wrote was kept." },
  SERVER_NAME_TAKEN: { kind: "config", hint: "claude mcp remove --scope user tidemark, then tidemark init", meaning: "The agent already has an MCP server of this name that was not added by `tidemark init`." },
  AGENT_FORBIDS: { kind: "config", hint: "tidemark import, now and then: it needs no hook.", meaning: "Settings of the organization keep hooks of the user from running." },
  HOME_UNWRITABLE: { kind: "environment", hint: "Set TIDEMARK_HOME to a folder you can write to, then repeat the command.", meaning: "The state folder cannot be created or written." },
  REMOTE_REFUSED: { kind: "user", hint: "Name a folder of its own outside of every project, on another disk or machine.", meaning: "Checkpoints are not copied to this folder: it is in a tree, in the state folder, or holds something else." },
  REMOTE_NONE: { kind: "user", hint: "tidemark remote DIR", meaning: "No folder was named that checkpoints are copied to." },
  REMOTE_GONE: { kind: "environment", hint: "Bring the disk or share back, then `tidemark remote` goes on where it was; `tidemark remote --off` ends the copying.", meaning: "The folder that checkpoints are copied to is not there, does not answer, or is another one." },
  REMOTE_UNWRITABLE: { kind: "environment", hint: "Make the folder writable, then `tidemark remote` goes on where it was.", meaning: "The folder that checkpoints are copied to is full or cannot be written." },
  REMOTE_DAMAGED: { kind: "environment", hint: "tidemark remote DIR, with the same folder", meaning: "What was copied to the folder is not all there, or not what was copied; what is still kept here can be copied again." },
  MODEL_NONE: { kind: "user", hint: "tidemark embedder --help, or tidemark model --help", meaning: "Something was asked for that needs an embedder or a model, and none is named." },
  MODEL_DOWN: { kind: "environment", hint: "Start the server, or wait and repeat the command; everything else works without it.", meaning: "An embedder, a re-ranker or a model did not answer, not in time, or with a failure of its own." },
  MODEL_REFUSED: { kind: "config", hint: "Check the name of the model, the address and the variable that holds the key, then name it again.", meaning: "An embedder, a re-ranker or a model did not accept the request, or is not where it was named." },
  MODEL_GARBLED: { kind: "environment", hint: "Check that the address is that of the API and the model the right kind.", meaning: "An embedder, a re-ranker or a model answered with something that is not what it was asked for." },
  ADDRESS_REFUSED: { kind: "user", hint: "tidemark serve listens on this machine; from another one, forward the port: ssh -L 7399:127.0.0.1:7399 HOST", meaning: "The MCP server does not listen on an address that other machines can reach as long as nothing authorizes callers." },
  ADDRESS_TAKEN: { kind: "environment", hint: "tidemark serve --port N, with another number", meaning: "The MCP server cannot listen on the address or port: it is in use, not allowed, or not of this machine." },
  TOKEN_EXPOSED: { kind: "environment", hint: "Delete the file: the next `tidemark serve` makes another token, which clients then need.", meaning: "The file with the token of the MCP server is not one that only its user can read, so it is not used." },
  CLOSED: { kind: "user", hint: "Call openCheckpoints again.", meaning: "A program used the checkpoints of a tree after closing them." },
  DISK_FULL: { kind: "environment", hint: "Free some space, then `tidemark import` goes on where it was.", meaning: "The disk is full; what was acknowledged before is safe." },
  STORE_BUSY: { kind: "environment", hint: "Another process holds the store; wait for it to end and repeat the command.", meaning: "The store stayed locked longer than the time allowed." },
  STORE_NEWER: { kind: "environment", hint: "npm install -g tidemark@latest", meaning: "The store was written by a newer version; this one leaves it alone." },
  STORE_DAMAGED: { kind: "internal", hint: "tidemark verify, then tidemark doctor", meaning: "The store's file is damaged and could not be read." },
  OBJECT_MISSING: { kind: "internal", hint: "tidemark verify", meaning: "A large text the log refers to is not in the object store." },
  OBJECT_DAMAGED: { kind: "environment", hint: "tidemark verify", meaning: "Bytes kept by a checkpoint are no longer what they were when they were stored." },
  EVENT_INVALID: { kind: "internal", hint: "Please report this; the event was refused, nothing was stored.", meaning: "An event does not have the shape its type requires." },
  SQLITE_MISSING: { kind: "environment", hint: "npm ci (without --omit=optional), or Node 22.23.3, 24.15 or later", meaning: "No usable SQLite: the built-in one is too old and the fallback is not installed." },
  INTERNAL: { kind: "internal", hint: "Please report this with the output of `tidemark doctor`.", meaning: "Something that should not happen." },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export class TidemarkError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string;

  /** `hint` replaces the table's hint where the place that failed knows the exact next command. */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TidemarkError";
    this.code = code;
    this.kind = ERRORS[code].kind;
    this.hint = options.hint ?? ERRORS[code].hint;
  }
}

/** Exit codes of the command contract: 1 refused, 2 usage, 70 broken. */
export function exitCode(error: TidemarkError): number {
  if (error.code === "USAGE") return 2;
  return error.kind === "internal" ? 70 : 1;
}

/** Turns an operating-system or SQLite failure into ours where the user can act on it. */
export function asTidemarkError(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { code, message = String(error) } = error as { code?: string; message?: string };
  const text = `${code ?? ""} ${message}`;
  if (/ENOSPC|EDQUOT|database or disk is full|SQLITE_FULL/i.test(text)) return new TidemarkError("DISK_FULL", "The disk is full", { cause: error });
  if (/EROFS|readonly database|unable to open database/i.test(text)) return new TidemarkError("HOME_UNWRITABLE", `The state folder is not writable: ${message}`, { cause: error });
  if (/database is locked|SQLITE_BUSY/i.test(text)) return new TidemarkError("STORE_BUSY", "The store is locked by another process", { cause: error });
  if (/malformed|not a database|SQLITE_CORRUPT|SQLITE_NOTADB/i.test(text)) return new TidemarkError("STORE_DAMAGED", `The store is damaged: ${message}`, { cause: error });
  return new TidemarkError("INTERNAL", message, { cause: error });
}
