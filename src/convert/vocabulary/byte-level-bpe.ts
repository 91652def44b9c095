import { EdgeVlmError } from '../../core/errors.js';
import { bpeModel } from './bpe-model.js';
import { preTokenizerName } from './pre-tokenizer.js';
import type { TokenizerJson } from './tokenizer-files.js';
import { looksSpecial, TOKEN_TYPES, type Vocabulary } from './vocabulary.js';

/**
 * The vocabulary of a byte-level BPE tokenizer.json (GPT-2, SmolLM, Llama 3, Qwen).
 * Source: `get_vocab_base` in llama.cpp's conversion/base.py.
 * @param size rows of the embedding; ids without a token become unused ones.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED, CHECKPOINT_INVALID.
 */
export function byteLevelBpe(path: string, tokenizer: TokenizerJson, size: number): Vocabulary {
  const { ids, merges } = bpeModel(path, tokenizer);
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(TOKEN_TYPES.unused);
  const set = (id: number, token: string, type: number): void => {
    if (id >= size)
      throw new EdgeVlmError('CHECKPOINT_INVALID', `${path}: the token ${JSON.stringify(token)} has the id ${id}, the model has ${size}`);
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of ids) set(id, token, TOKEN_TYPES.normal);
  for (const { id, content, special } of tokenizer.added_tokens ?? []) {
    if (special || looksSpecial(content)) set(id, content, TOKEN_TYPES.control);
    else set(id, content.replaceAll('▁', ' '), TOKEN_TYPES.userDefined);
  }
  return {
    model: 'gpt2',
    pre: preTokenizerName(path, tokenizer),
    tokens,
    types,
    // A space parts the two halves, so one inside a half is written as byte-level BPE writes the byte.
    merges: merges.map(([left, right]) => `${left.replaceAll(' ', 'Ġ')} ${right.replaceAll(' ', 'Ġ')}`),
  };
}
