import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { bpeModel } from './bpe-model.js';
import { sentencePieces } from './sentencepiece-model.js';
import type { TokenizerFiles, TokenizerJson } from './tokenizer-files.js';
import { looksSpecial, TOKEN_TYPES, type Vocabulary } from './vocabulary.js';

/** What llama.cpp's converter gives ids without a piece, and added tokens: they are never the result of a merge. */
const PADDING_SCORE = -10000;
const ADDED_SCORE = -1000;

/**
 * The vocabulary of a SentencePiece model (LLaMA 1 and 2, MobileLLaMA, TinyLlama) from tokenizer.model.
 * Source: `_create_vocab_sentencepiece` in llama.cpp's conversion/base.py.
 * @param size rows of the embedding; ids without a piece become unused ones, pieces beyond are left out.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED, CHECKPOINT_INVALID.
 */
export function sentencePieceBpe(files: TokenizerFiles, file: Buffer, size: number): Vocabulary {
  const table = new PieceTable(size);
  for (const [id, { text, score, type }] of sentencePieces(join(files.folder, 'tokenizer.model'), file).entries()) {
    // User-defined pieces count as normal ones, as in llama.cpp.
    const isKnown =
      type === TOKEN_TYPES.unknown || type === TOKEN_TYPES.control || type === TOKEN_TYPES.unused || type === TOKEN_TYPES.byte;
    table.set(id, text, isKnown ? type : TOKEN_TYPES.normal, score);
  }
  for (const [token, id] of Object.entries(files.addedTokens ?? {})) table.set(id, token, TOKEN_TYPES.userDefined, ADDED_SCORE);
  for (const [id, { content, special }] of Object.entries(files.config?.added_tokens_decoder ?? {})) {
    if (!/^\d{1,9}$/.test(id)) throw new EdgeVlmError('CHECKPOINT_INVALID', `${files.folder}: added_tokens_decoder has the id "${id}"`);
    table.setAdded(Number(id), content, special === true);
  }
  return table.vocabulary();
}

/**
 * The same from the tokenizer.json of a fast LLaMA tokenizer. llama.cpp writes one score for all pieces here, with which
 * libllama merges by position instead of by rank; we write the rank, as SentencePiece itself does.
 */
export function byteFallbackBpe(path: string, tokenizer: TokenizerJson, size: number): Vocabulary {
  const { ids, merges } = bpeModel(path, tokenizer);
  // A piece that several pairs make has the rank of the first.
  const ranks = new Map<string, number>();
  for (const [left, right] of merges) if (!ranks.has(left + right)) ranks.set(left + right, ranks.size);
  const table = new PieceTable(size);
  for (const [text, id] of ids) {
    const isByte = /^<0x[0-9A-F]{2}>$/i.test(text);
    table.set(id, text, isByte ? TOKEN_TYPES.byte : TOKEN_TYPES.normal, -(ranks.get(text) ?? (isByte ? 0 : ranks.size)));
  }
  const unknown = tokenizer.model.unk_token ?? '<unk>';
  for (const { id, content, special } of tokenizer.added_tokens ?? []) table.setAdded(id, content, special);
  const unknownId = ids.get(unknown);
  if (unknownId !== undefined) table.set(unknownId, unknown, TOKEN_TYPES.unknown, 0);
  return table.vocabulary();
}

class PieceTable {
  readonly #tokens: string[];
  readonly #types: Int32Array;
  readonly #scores: Float32Array;

  constructor(size: number) {
    this.#tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
    this.#types = new Int32Array(size).fill(TOKEN_TYPES.unused);
    this.#scores = new Float32Array(size).fill(PADDING_SCORE);
  }

  set(id: number, token: string, type: number, score: number): void {
    if (id >= this.#tokens.length) return;
    this.#tokens[id] = token;
    this.#types[id] = type;
    this.#scores[id] = score;
  }

  setAdded(id: number, token: string, special: boolean): void {
    if (special || looksSpecial(token)) this.set(id, token, TOKEN_TYPES.control, ADDED_SCORE);
    else this.set(id, token.replaceAll('▁', ' '), TOKEN_TYPES.userDefined, ADDED_SCORE);
  }

  vocabulary(): Vocabulary {
    return { model: 'llama', pre: 'default', tokens: this.#tokens, types: this.#types, scores: this.#scores };
  }
}
