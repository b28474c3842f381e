/** Lines of a POSIX shell: one word of a line that is pasted or run, and the simple commands of one that was. */

/** In quotes only where it needs them. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text);
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What was run, one after the other or joined by pipes, as it was written; what stands in quotes or here-documents is no command. */
export function commandsIn(line: string): string[] {
  const bare = line.replace(/\\\n/g, " ").replace(/<<-?\s*(['"]?)(\w+)\1[\s\S]*?(?:\n\2\b|$)/g, "").replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, (text) => (/[\n;|&]/.test(text) ? "'…'" : text));
  return bare.split(/&&|\|\||[;\n|]/).map((part) => part.trim().replace(/\s+/g, " ")).filter((part) => part !== "" && !part.startsWith("#"));
}
