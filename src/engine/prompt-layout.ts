import { createHash } from 'node:crypto';

import { EdgeVlmError } from '../core/errors.js';
import type { ImageTile } from '../core/image.js';
import type { PromptEnd } from './kv-cache/kv-cache.js';
import type { PromptPiece } from './prompt.js';
import type { PastImage } from './reuse/past.js';

export interface LaidOutImage extends PastImage {
  /** Null where the image tokens are to be known by the hash. */
  readonly tile: ImageTile | null;
}

/** A prompt as one row of tokens, with pictures over some of them. */
export interface LaidOutPrompt {
  readonly tokens: Int32Array;
  readonly images: readonly LaidOutImage[];
  /** Without reuse pictures have no hash. */
  readonly reuse: boolean;
}

export interface PromptLayout {
  /** Image tokens of a tile; null for a model that sees none. */
  readonly tokensPerTile: number | null;
  /** Tokens that fit. */
  readonly contextLength: number;
  readonly reuse: boolean;
}

/** Stands where an image token's embedding goes; its own embedding is overwritten. */
const PLACEHOLDER_TOKEN = 0;

/** @throws CONTEXT_FULL, MMPROJ_MISSING, USAGE for an empty prompt */
export function layOutPrompt(pieces: readonly PromptPiece[], { tokensPerTile, contextLength, reuse }: PromptLayout): LaidOutPrompt {
  const perTile = tokensPerTile ?? 0;
  const length = pieces.reduce((sum, piece) => sum + (piece.type === 'tokens' ? piece.tokens.length : perTile), 0);
  if (length === 0) throw new EdgeVlmError('USAGE', 'the prompt is empty');
  if (length > contextLength) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${length} tokens, the context ${contextLength}`);
  const tokens = new Int32Array(length);
  const images: LaidOutImage[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (piece.type === 'tokens') {
      tokens.set(piece.tokens, at);
      at += piece.tokens.length;
    } else {
      if (tokensPerTile === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
      tokens.fill(PLACEHOLDER_TOKEN, at, at + perTile);
      const { tile, key } = piece;
      images.push({ at, tile, hash: reuse ? (key ?? hashTile(tile)) : '' });
      at += perTile;
    }
  }
  return { tokens, images, reuse };
}

/** What a cache may want to know about the end of a prompt. */
export function promptEndOf({ tokens, images }: LaidOutPrompt, tokensPerTile: number): PromptEnd {
  const last = images.at(-1);
  return { textTokens: tokens.length - (last === undefined ? 0 : last.at + tokensPerTile) };
}

/** The prompt's tokens with another in the place of image tokens, or without those where that is null. */
export function wordsOf({ tokens, images }: LaidOutPrompt, tokensPerTile: number, imageToken: number | null): Int32Array {
  const words = tokens.slice();
  for (const { at } of images) words.fill(imageToken ?? -1, at, at + tokensPerTile);
  return imageToken === null ? words.filter((token) => token >= 0) : words;
}

function hashTile(tile: ImageTile | null): string {
  if (tile === null) throw new EdgeVlmError('IMAGE_FORGOTTEN', 'a picture has neither pixels nor a hash');
  const { width, height, rgb } = tile;
  return createHash('sha256').update(`${width}x${height} `).update(rgb).digest('hex');
}
