/** Damage as data: what `verify` can find, each with a place. The codes are part of the command contract. */
export const PROBLEMS = {
  CHAIN_BROKEN: "The event's link does not follow from the one before: envelope or order was changed.",
  PAYLOAD_CHANGED: "The payload does not have the hash that the chain recorded.",
  PAYLOAD_UNREADABLE: "The payload can no longer be decoded.",
  EVENT_MISSING: "A position of the log is empty.",
  TAIL_MISSING: "The log is shorter than it once was: its head was noted further on.",
  OBJECT_CHANGED: "A large text, or the bytes of a file, do not have the hash they are filed under.",
  OBJECT_MISSING: "A large text the log refers to, or the bytes a checkpoint refers to, are gone.",
  CHECKPOINT_CHANGED: "A checkpoint's id does not follow from what it says.",
  CHECKPOINT_MISSING: "A checkpoint that counts as copied is not in the folder it was copied to.",
  INDEX_DIFFERS: "The text index is not the one a rebuild gives.",
  SUMMARY_DIFFERS: "A session's summary is not the one a rebuild gives.",
  MEMBERSHIP_DIFFERS: "A fork's shared events are not those the log names.",
  FILE_DAMAGED: "SQLite itself finds the file damaged.",
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export interface Problem {
  readonly code: ProblemCode;
  readonly where: string;
  readonly message: string;
}
