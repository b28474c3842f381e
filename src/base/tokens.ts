/**
 * Token counts by a real tokenizer (o200k). No public tokenizer exists for current Claude models; o200k is the
 * closest that can be shipped, and counts 10 to 18 % lower than the last published Claude one on code.
 *
 * gpt-tokenizer was chosen over js-tiktoken (four times slower to load) and @anthropic-ai/tokenizer (made for
 * models before Claude 3). Loading it costs about 170 ms of CPU, so it is imported only where a budget is kept.
 */

export type CountTokens = (text: string) => number;

let loaded: CountTokens | undefined;

export async function loadTokenizer(): Promise<CountTokens> {
  if (loaded === undefined) {
    const { countTokens } = await import("gpt-tokenizer/encoding/o200k_base");
    // Text such as "<|endoftext|>" in a transcript is text, not a control token.
    const options = { disallowedSpecial: new Set<string>() };
    loaded = (text) => (text === "" ? 0 : countTokens(text, options));
  }
  return loaded;
}
