import { describe, expect, it } from 'vitest';
import { GgufMetadata } from '../../formats/gguf/gguf-metadata.js';
import type { GgufValue } from '../../formats/gguf/gguf-value.js';
import { checkVocabulary } from './check-vocabulary.js';

const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const SPM = { model: 'llama', tokens: ['<unk>', '<s>', '</s>', '▁a', '', ...bytes] };
const BPE = { model: 'gpt2', tokens: ['a', 'Ġa', '<|im_end|>', 'Ċ'] };

function check({ model, tokens, ...keys }: { model: string; tokens: string[] } & Record<string, unknown>): void {
  const values = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { type: 'string', value: model }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
  ]);
  const { pre, parts } = keys;
  if (typeof pre === 'string') values.set('tokenizer.ggml.pre', { type: 'string', value: pre });
  if (typeof parts === 'number') values.set('split.count', { type: 'u16', value: parts });
  checkVocabulary('model.gguf', new GgufMetadata('model.gguf', values));
}

describe('a vocabulary', () => {
  it('that libllama loads is let through', () => {
    check(SPM);
    check({ ...SPM, parts: 1 });
    check({ ...BPE, pre: 'smollm' });
  });

  it('may have the character instead of a byte', () => {
    check({ ...SPM, tokens: SPM.tokens.map((token) => (token === '<0x41>' ? 'A' : token)) });
  });

  it.each([
    ['that libllama dies of: a token twice', { ...SPM, tokens: [...SPM.tokens, '▁a'] }],
    ['that libllama dies of: a token called as it calls the nameless', { ...SPM, tokens: [...SPM.tokens, '[EMPTY_4]'] }],
    ['that libllama dies of: no token for a byte', { ...SPM, tokens: SPM.tokens.filter((token) => token !== '<0x7F>') }],
    ['that libllama dies of: words with spaces', { ...BPE, pre: 'whitespace' }],
    ['of another kind', { ...SPM, model: 'rwkv' }],
    ['with a token longer than any text', { ...BPE, tokens: ['a'.repeat(1025)] }],
    ['that grows when it is spelt out', { ...BPE, tokens: Array.from({ length: 1000 }, (_, i) => `${i}${'中'.repeat(300)}`) }],
  ])('%s is refused', (_, vocabulary) => {
    expect(() => {
      check(vocabulary);
    }).toThrow(expect.objectContaining({ code: 'TOKENIZER_FAILED' }));
  });

  it('in a file that names others is refused: libllama would open them', () => {
    expect(() => {
      check({ ...SPM, parts: 2 });
    }).toThrow(expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }));
  });
});
