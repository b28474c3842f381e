/** Changes to settings files of others, as a person reads them. */
import { clip } from "../base/text.ts";
import type { ChangedFile } from "../operations/entries.ts";
import type { Terminal } from "./terminal.ts";

export function sayChanges(terminal: Terminal, files: readonly ChangedFile[]): void {
  for (const { path, change, patch } of files) {
    if (change === "none") continue;
    terminal.line(terminal.style("bold", `${path}${change === "created" ? " (new)" : change === "deleted" ? " (goes)" : ""}`));
    for (const line of patch.split("\n")) {
      const shown = clippedLine(line, terminal.width - 2);
      terminal.line(`  ${line.startsWith("+") ? terminal.style("green", shown) : line.startsWith("-") ? terminal.style("red", shown) : terminal.style("dim", shown)}`);
    }
  }
}

/** Cut at the end only: indentation is part of what is shown. */
function clippedLine(line: string, width: number): string {
  const indent = /^.[ \t]*/.exec(line)?.[0].replaceAll("\t", "  ") ?? "";
  return indent + clip(line.slice(/^.[ \t]*/.exec(line)?.[0].length ?? 0), Math.max(20, width - indent.length));
}
