/**
 * Patterns of whole paths, as in the client's setting `claudeMdExcludes`: they match from the beginning to the end, also
 * names that begin with a dot. Patterns of rules are those of git and are left to worktree/instructions.ts.
 */

/** `**` any folders, `*` and `?` within a name, `[…]` and `{a,b}`. */
export function matchesWholePath(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => toExpression(pattern.replace(/(?:\*\*\/)+/g, "**/")).test(path));
}

const MOST_STARS = 12;

function toExpression(pattern: string): RegExp {
  // A repository's own settings may hold any pattern; each star can multiply the time that it takes.
  if (pattern.split("*").length > MOST_STARS) return /^(?!)/;
  let [source, depth] = ["", 0];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === "*" && pattern[i + 1] === "*") {
      const folders = pattern[i + 2] === "/";
      source += folders ? "(?:[^/]*/)*" : ".*";
      i += folders ? 2 : 1;
    } else if (c === "*") source += "[^/]*";
    else if (c === "?") source += "[^/]";
    else if (c === "{" && pattern.includes("}", i)) [source, depth] = [`${source}(?:`, depth + 1];
    else if (c === "}" && depth > 0) [source, depth] = [`${source})`, depth - 1];
    else if (c === "," && depth > 0) source += "|";
    else if (c === "[" && /^\[!?[^\]/\\]+\]/.test(pattern.slice(i))) {
      const end = pattern.indexOf("]", i);
      source += pattern.slice(i, end + 1).replace(/^\[!/, "[^");
      i = end;
    } else source += c.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  }
  try {
    return new RegExp(`^${source}$`, "s");
  } catch {
    // Such as "[z-a]": it matches nothing, as with the client.
    return /^(?!)/;
  }
}
