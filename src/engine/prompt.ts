import type { ImageTile } from '../core/image.js';

/** A tile standing where its image tokens belong. */
export interface TilePiece {
  readonly type: 'tile';
  /** Null: the image tokens are to be known by the key. */
  readonly tile: ImageTile | null;
  /** The same for the same pixels alone. Absent: a hash of them. */
  readonly key?: string;
}

/** A prompt as the engine takes it. */
export type PromptPiece = { readonly type: 'tokens'; readonly tokens: Int32Array } | TilePiece;
