/** Text of others for a model to read: delimited as data, so that nothing in it can end its own quotation. Pure. */

/** The client's own delimiters, ours and anything like them are taken for text. Attributes are of our making. */
export function asData(kind: string, body: string, attributes = ""): string {
  return `<tidemark kind="${kind}"${attributes}>\n${body.replace(/<(?=[\s/]*[a-z])/gi, "‹")}\n</tidemark>`;
}
