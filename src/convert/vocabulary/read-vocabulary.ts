import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import type { GgufValue } from '../../formats/gguf/gguf-value.js';
import { byteLevelBpe } from './byte-level-bpe.js';
import { byteFallbackBpe, sentencePieceBpe } from './sentencepiece-bpe.js';
import { specialTokens } from './special-tokens.js';
import { readTokenizerFiles, type ChatTemplate, type TokenizerFiles } from './tokenizer-files.js';
import type { Vocabulary } from './vocabulary.js';

/** Vocabularies of this size (SmolLM, Granite) are marked not to start with BOS, as llama.cpp's `LlamaModel.set_vocab` does. */
const SIZE_WITHOUT_BOS = 49152;

/**
 * The tokenizer of a Hugging Face folder as GGUF keys, in llama.cpp's order.
 * @param size rows of the embedding.
 * @throws EdgeVlmError MODEL_INCOMPLETE without tokenizer files, CHECKPOINT_UNSUPPORTED, CHECKPOINT_INVALID.
 */
export async function readVocabulary(folder: string, size: number): Promise<[string, GgufValue][]> {
  const files = await readTokenizerFiles(folder);
  const { model, pre, tokens, types, scores, merges } = vocabularyOf(files, size);
  const keys: [string, GgufValue][] = [];
  const prefix = files.config?.add_prefix_space;
  if (typeof prefix === 'boolean') keys.push(['tokenizer.ggml.add_space_prefix', { type: 'bool', value: prefix }]);
  keys.push(
    ['tokenizer.ggml.model', { type: 'string', value: model }],
    ['tokenizer.ggml.pre', { type: 'string', value: pre }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
  );
  if (scores !== undefined) keys.push(['tokenizer.ggml.scores', { type: 'array', of: 'f32', value: scores }]);
  keys.push(['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }]);
  if (merges !== undefined && merges.length > 0) keys.push(['tokenizer.ggml.merges', { type: 'array', of: 'string', value: merges }]);
  keys.push(...specialTokens(files, size), ...chatTemplates(files.config?.chat_template ?? files.chatTemplate));
  if (size === SIZE_WITHOUT_BOS) keys.push(['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }]);
  return keys;
}

function vocabularyOf(files: TokenizerFiles, size: number): Vocabulary {
  const { sentencePiece, tokenizer } = files;
  if (sentencePiece !== undefined) return sentencePieceBpe(files, sentencePiece, size);
  const path = join(files.folder, 'tokenizer.json');
  if (tokenizer === undefined) throw new EdgeVlmError('MODEL_INCOMPLETE', `${files.folder} has neither tokenizer.json nor tokenizer.model`);
  const isSentencePiece = tokenizer.model.byte_fallback === true && tokenizer.decoder?.type === 'Sequence';
  return isSentencePiece ? byteFallbackBpe(path, tokenizer, size) : byteLevelBpe(path, tokenizer, size);
}

/** Source: `add_chat_template` in llama.cpp's gguf-py. */
function chatTemplates(templates: ChatTemplate | undefined): [string, GgufValue][] {
  if (templates === undefined) return [];
  const named = typeof templates === 'string' ? [{ name: 'default', template: templates }] : templates;
  const keys: [string, GgufValue][] = [];
  const names: string[] = [];
  for (const { name, template } of named) {
    const plain = name.replace(/[^a-zA-Z0-9]/g, '_');
    if (plain === 'default' || plain === '') continue;
    names.push(plain);
    keys.push([`tokenizer.chat_template.${plain}`, { type: 'string', value: template }]);
  }
  if (names.length > 0) keys.push(['tokenizer.chat_templates', { type: 'array', of: 'string', value: names }]);
  const main = named.find(({ name }) => name === 'default');
  if (main !== undefined) keys.push(['tokenizer.chat_template', { type: 'string', value: main.template }]);
  return keys;
}
