/** A folder with static vectors as model2vec writes it, made by the test: a few words, each a place in the vector. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Words that mean the like have one vector. */
const WORDS = [["car", "automobile"], ["doctor", "physician"], ["bug", "defect"], ["greeting", "hello"]] as const;
export const STATIC_SIZE = 8;

const SPECIAL = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const VOCABULARY = ["[PAD]", "[UNK]", "##s", ...WORDS.flat()];

/** BERT's pieces of words, as the potion models have them. */
export const WORDPIECE = {
  version: "1.0", truncation: null, padding: null, post_processor: null, decoder: null,
  added_tokens: [{ id: 0, content: "[PAD]", ...SPECIAL }, { id: 1, content: "[UNK]", ...SPECIAL }],
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab: Object.fromEntries(VOCABULARY.map((word, i) => [word, i])) },
};

/** Likely pieces with their chances, as multilingual models have them. */
export const UNIGRAM = {
  ...WORDPIECE, added_tokens: [], normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  model: { type: "Unigram", unk_id: 1, byte_fallback: false, vocab: VOCABULARY.map((word, i) => [i < 2 ? word : i === 2 ? "s" : `▁${word}`, -i]) },
};

/** What stands in each row: "##s" a little of everything, [UNK] what no text may be near to. */
export const ROWS: readonly (readonly number[])[] = VOCABULARY.map((word) => {
  const place = WORDS.findIndex((words) => (words as readonly string[]).includes(word));
  return Array.from({ length: STATIC_SIZE }, (_, i) => (word === "[UNK]" ? 9 : word === "##s" ? 0.125 : i === place ? 1 : 0));
});

export interface TensorGiven {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export function float32(rows: readonly (readonly number[])[]): TensorGiven {
  return { dtype: "F32", shape: [rows.length, rows[0]!.length], bytes: new Uint8Array(Float32Array.from(rows.flat()).buffer) };
}

export function safetensors(tensors: Readonly<Record<string, TensorGiven>>): Buffer {
  let at = 0;
  const header = Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [at, (at += bytes.length)] }]));
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: "pt" }, ...header }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ bytes }) => bytes)]);
}

export function staticModel(folder: string, { tokenizer = WORDPIECE as object, tensors = { embeddings: float32(ROWS) } as Readonly<Record<string, TensorGiven>> } = {}): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  writeFileSync(join(folder, "model.safetensors"), safetensors(tensors));
  writeFileSync(join(folder, "config.json"), '{"model_type":"model2vec","normalize":true}');
  return folder;
}
