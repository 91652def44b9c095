import { describe, expect, it } from 'vitest';
import { specialTokens } from './special-tokens.js';
import type { TokenizerFiles } from './tokenizer-files.js';

const ADDED = ['<unk>', '<s>', '</s>', '<end>'].map((content, id) => ({ id, content, special: true }));
const special = (id: string): object => ({ SpecialToken: { id, type_id: 0 } });
const text = (id: string): object => ({ Sequence: { id, type_id: 0 } });

function keysOf(files: Partial<TokenizerFiles>, postProcessor?: object): Record<string, unknown> {
  const all: TokenizerFiles = {
    folder: '',
    sentencePiece: undefined,
    tokenizer: { model: { vocab: {} }, added_tokens: ADDED, post_processor: postProcessor as { type: string } },
    config: { bos_token: '<s>', eos_token: { content: '</s>' } },
    modelConfig: undefined,
    addedTokens: undefined,
    chatTemplate: undefined,
    ...files,
  };
  return Object.fromEntries(specialTokens(all, 4).map(([key, { value }]) => [key.replace('tokenizer.ggml.', ''), value]));
}

describe('special tokens', () => {
  it('are found by their text in tokenizer_config.json, then by their id in config.json', () => {
    expect(keysOf({})).toEqual({ bos_token_id: 1, eos_token_id: 2 });
    const modelConfig = { bos_token_id: 3, pad_token_id: 0, eos_token_id: [2, 3], text_config: { unk_token_id: 0 } };
    expect(keysOf({ modelConfig })).toEqual({ bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0, padding_token_id: 0 });
    expect(keysOf({ config: undefined, modelConfig: { eos_token_id: 99 } })).toEqual({});
  });

  it('are added to prompts as tokenizer_config.json or the post-processor says', () => {
    expect(keysOf({ config: { bos_token: '<s>', add_bos_token: true, add_eos_token: false } })).toEqual({
      bos_token_id: 1,
      add_bos_token: true,
      add_eos_token: false,
    });
    const template = {
      type: 'TemplateProcessing',
      single: [special('<s>'), text('A')],
      pair: [special('<s>'), text('A'), special('</s>'), text('B')],
    };
    const wanted = { bos_token_id: 1, eos_token_id: 2, add_bos_token: true, add_sep_token: true };
    expect(keysOf({}, template)).toEqual(wanted);
    expect(keysOf({}, { type: 'Sequence', processors: [{ type: 'ByteLevel' }, template] })).toEqual(wanted);
  });

  it('that end every text become the end, and the former end the end of a turn', () => {
    const template = { type: 'TemplateProcessing', single: [text('A'), special('<end>')] };
    expect(keysOf({}, template)).toEqual({ bos_token_id: 1, eos_token_id: 3, eot_token_id: 2, add_eos_token: true });
  });
});
