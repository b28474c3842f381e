// Makes loading the tokenizer cheap. gpt-tokenizer keeps its 200,000 tokens as string literals and puts them into a Map at
// every start: 250 ms of a command that has 400. Here they are written once, at build time, into a file that is a hash
// table as it stands (dist/o200k.bin), and the bundled tokenizer looks words up in it. A test compares the counts of
// both (test/shell/tokenizer.test.ts).
//
// The file: Uint32 slots (rank + 1, by FNV-1a of the UTF-16 units, open addressing), Uint32 offsets, UTF-16 units.
import { readFile, writeFile } from "node:fs/promises";

const SLOTS = 2 ** 19;

export function ranksPlugin(outfile) {
  let others = [];
  let size = 0;
  return {
    name: "o200k-table",
    setup(build) {
      build.onStart(async () => {
        const { default: ranks } = await import("../node_modules/gpt-tokenizer/esm/bpeRanks/o200k_base.js");
        size = ranks.length;
        others = ranks.flatMap((token, rank) => (typeof token === "string" ? [] : [[token, rank]]));
        await writeFile(outfile, table(ranks));
      });
      build.onLoad({ filter: /gpt-tokenizer[\\/]esm[\\/]bpeRanks[\\/]o200k_base\.js$/ }, () => ({ contents: lookupModule(others, size), loader: "js" }));
      build.onLoad({ filter: /gpt-tokenizer[\\/]esm[\\/]BytePairEncodingCore\.js$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [from, to] of [
          ["this.bytePairStringRankEncoder = /* @__PURE__ */ new Map();", "this.bytePairStringRankEncoder = bytePairRankDecoder.strings;"],
          ["Object.keys(bytePairRankDecoder).length", "bytePairRankDecoder.length"],
        ]) {
          if (!contents.includes(from)) throw new Error(`gpt-tokenizer has changed: no "${from}" in BytePairEncodingCore.js`);
          contents = contents.replace(from, to);
        }
        return { contents, loader: "js" };
      });
    },
  };
}

function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

function table(ranks) {
  const slots = new Uint32Array(SLOTS);
  const offsets = new Uint32Array(ranks.length + 1);
  const units = [];
  for (const [rank, token] of ranks.entries()) {
    offsets[rank] = units.length;
    if (typeof token !== "string") continue;
    for (let i = 0; i < token.length; i++) units.push(token.charCodeAt(i));
    let slot = hash(token) % SLOTS;
    while (slots[slot] !== 0) slot = (slot + 1) % SLOTS;
    slots[slot] = rank + 1;
  }
  offsets[ranks.length] = units.length;
  return Buffer.concat([slots, offsets, Uint16Array.from(units)].map((part) => Buffer.from(part.buffer)));
}

function lookupModule(others, size) {
  return `
import { readFileSync } from "node:fs";
const others = ${JSON.stringify(others)};
let slots, offsets, units;
function open() {
  const { buffer, byteOffset, length } = readFileSync(new URL("./o200k.bin", import.meta.url));
  const bytes = byteOffset % 4 === 0 ? { buffer, byteOffset } : { buffer: buffer.slice(byteOffset, byteOffset + length), byteOffset: 0 };
  slots = new Uint32Array(bytes.buffer, bytes.byteOffset, ${SLOTS});
  offsets = new Uint32Array(bytes.buffer, bytes.byteOffset + ${SLOTS * 4}, ${size} + 1);
  const from = ${SLOTS * 4} + (${size} + 1) * 4;
  units = new Uint16Array(bytes.buffer, bytes.byteOffset + from, (length - from) / 2);
}
${hash.toString()}
const strings = {
  get(text) {
    if (slots === undefined) open();
    for (let slot = hash(text) % ${SLOTS}; slots[slot] !== 0; slot = (slot + 1) % ${SLOTS}) {
      const rank = slots[slot] - 1;
      const from = offsets[rank];
      if (offsets[rank + 1] - from !== text.length) continue;
      let i = 0;
      while (i < text.length && units[from + i] === text.charCodeAt(i)) i++;
      if (i === text.length) return rank;
    }
    return undefined;
  },
  set() {},
};
export default { length: ${size}, strings, forEach(visit) { for (const [token, rank] of others) visit(token, rank); } };
`;
}
