import { isDeepStrictEqual } from 'node:util';
import { EdgeVlmError } from '../../core/errors.js';
import type { TokenizerJson } from './tokenizer-files.js';

const DIGITS = { type: 'Digits', individual_digits: true };
const byteLevel = (useRegex: boolean): object => ({ type: 'ByteLevel', add_prefix_space: false, use_regex: useRegex });
const split = (pattern: string): object => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });

const WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/**
 * Pre-tokenizers by the name libllama has for the same rule (`llm_tokenizer_bpe` in llama-vocab.cpp). llama.cpp's converter
 * finds the name by hashing what the tokenizer makes of a test text, which needs the tokenizer to run and knows only published
 * vocabularies; the definition itself says as much.
 */
const PRE_TOKENIZERS: readonly (readonly [name: string, definition: object])[] = [
  ['gpt-2', byteLevel(true)],
  ['smollm', sequence(DIGITS, byteLevel(true))],
  ['llama-bpe', sequence(split(`${WORDS}|\\p{N}{1,3}|${REST}`), byteLevel(false))],
  ['qwen2', sequence(split(`${WORDS}|\\p{N}|${REST}`), byteLevel(false))],
];

/**
 * @returns the value of `tokenizer.ggml.pre`.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED for a rule that libllama has no equal of, as it would cut text differently.
 */
export function preTokenizerName(path: string, tokenizer: TokenizerJson): string {
  const { normalizer, pre_tokenizer: definition } = tokenizer;
  // Unicode composition is left to the caller's text, as llama.cpp does.
  if (normalizer !== undefined && normalizer !== null && normalizer.type !== 'NFC') {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: the normalizer ${normalizer.type} has no equal in GGUF`);
  }
  const cleaned = withoutOffsets(definition);
  const found = PRE_TOKENIZERS.find(([, known]) => isDeepStrictEqual(known, cleaned));
  if (found !== undefined) return found[0];
  throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: no known pre-tokenizer is defined as ${JSON.stringify(definition)}`);
}

/** `trim_offsets` says where tokens are reported to lie in the text, not what they are; `use_regex` may be left out for true. */
function withoutOffsets(step: unknown): unknown {
  if (Array.isArray(step)) return step.map(withoutOffsets);
  if (typeof step !== 'object' || step === null) return step;
  const entries = Object.entries(step).filter(([key]) => key !== 'trim_offsets');
  const cleaned: Record<string, unknown> = Object.fromEntries(entries.map(([key, value]) => [key, withoutOffsets(value)]));
  return cleaned['type'] === 'ByteLevel' ? { use_regex: true, ...cleaned } : cleaned;
}
