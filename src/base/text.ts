/** Small text helpers shared by the fold, the brief and the tables. Nothing here knows the domain. */

/** At most `length` UTF-16 units on one line, with an ellipsis where something was cut. */
export function clip(text: string, length: number): string {
  const flat = oneLine(text);
  if (flat.length <= length) return flat;
  // A cut inside a surrogate pair would leave half a character.
  const end = /[\uD800-\uDBFF]/.test(flat[length - 2] ?? "") ? length - 2 : length - 1;
  return `${flat.slice(0, Math.max(0, end)).trimEnd()}…`;
}

export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/**
 * Removes what a terminal would obey: escape sequences and control characters other than tab and newline.
 * Transcripts are untrusted; printed as they are, they could recolour, retitle or overwrite the screen.
 */
export function printable(text: string): string {
  return text
    // oxlint-disable-next-line no-control-regex
    .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g, "")
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")
    // Bidirectional overrides can make a path or command read as another one; tag characters and characters without
    // width can carry words that only a model reads.
    .replace(/[\u200b\u202a-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu, "");
}

export function baseName(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return path.slice(at + 1);
}

/** A path as it reads inside a folder; whole where it lies elsewhere. */
export function shownPath(path: string, folder: string): string {
  return folder !== "" && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}
