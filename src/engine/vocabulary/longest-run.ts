import type { GgufMetadata } from '../../formats/gguf/gguf-metadata.js';

/** Pre-tokenisers that libllama has code of its own for. The others are regular expressions, which recurse for every character. */
const WITHOUT_RECURSION = ['gpt-2', 'smollm', 'llama-bpe', 'qwen2'];
/** Characters in a row without white space between them, or of white space. 8192 overflow a stack of 8 MB. */
const MAX_RUN = 2000;

/** How long a stretch of text, or of white space, may be for a vocabulary's pre-tokeniser not to end the process. */
export function maxRun(metadata: GgufMetadata): number {
  const pre = metadata.string('tokenizer.ggml.pre', 'default');
  const isBpe = metadata.string('tokenizer.ggml.model') === 'gpt2';
  return isBpe && !WITHOUT_RECURSION.includes(pre) ? MAX_RUN : Infinity;
}

/** The longest stretch of text without white space, or of white space, in code units. */
export function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/\s+|\S+/g)) longest = Math.max(longest, run.length);
  return longest;
}
