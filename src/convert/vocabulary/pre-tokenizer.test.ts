import { describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { preTokenizerName } from './pre-tokenizer.js';

function nameOf(definition: unknown, normalizer: { type: string } | null = null): string {
  const tokenizer = { model: { vocab: {} }, pre_tokenizer: definition as { type: string }, normalizer };
  try {
    return preTokenizerName('tokenizer.json', tokenizer);
  } catch (error) {
    if (error instanceof EdgeVlmError) return error.code;
    throw error;
  }
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const split = (pattern: string): object => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });

describe("a tokenizer's way of cutting text", () => {
  it('is known by its definition', () => {
    expect(nameOf(byteLevel)).toBe('gpt-2');
    expect(nameOf({ type: 'ByteLevel', add_prefix_space: false })).toBe('gpt-2');
    expect(nameOf(sequence({ type: 'Digits', individual_digits: true }, byteLevel))).toBe('smollm');
    expect(nameOf(sequence(split(LLAMA3), { ...byteLevel, use_regex: false }))).toBe('llama-bpe');
    expect(nameOf(sequence(split(LLAMA3.replace('{1,3}', '')), { ...byteLevel, use_regex: false }), { type: 'NFC' })).toBe('qwen2');
  });

  it('is refused where it would cut differently', () => {
    expect(nameOf({ ...byteLevel, add_prefix_space: true })).toBe('CHECKPOINT_UNSUPPORTED');
    expect(nameOf({ ...byteLevel, use_regex: false })).toBe('CHECKPOINT_UNSUPPORTED');
    expect(nameOf(sequence({ type: 'Digits', individual_digits: false }, byteLevel))).toBe('CHECKPOINT_UNSUPPORTED');
    expect(nameOf(sequence(split('\\w+'), { ...byteLevel, use_regex: false }))).toBe('CHECKPOINT_UNSUPPORTED');
    expect(nameOf(null)).toBe('CHECKPOINT_UNSUPPORTED');
    expect(nameOf(byteLevel, { type: 'Lowercase' })).toBe('CHECKPOINT_UNSUPPORTED');
  });
});
