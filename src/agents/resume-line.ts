/** The line a person pastes to go on in a session in its own agent. */
import { shellWord } from "../base/shell.ts";

/**
 * In the folder the session was begun in: agents look for it there, or work where they are started. Id and folder come from
 * an agent's files and are pasted into a shell, so all of it is quoted; an id that reads as an option gives none.
 */
export function resumeLine(words: readonly string[], session: string, cwd: string): string | undefined {
  if (session.startsWith("-") || /[\p{Cc}\p{Cf}]/u.test(session + cwd)) return undefined;
  return `${cwd === "" ? "" : `cd ${shellWord(cwd.startsWith("-") ? `./${cwd}` : cwd)} && `}${words.map(shellWord).join(" ")}`;
}
