import type { ImageTile } from '../core/image.js';

/** A prompt as the engine takes it: token ids, and tiles standing where their image tokens belong. */
export type PromptPiece = { readonly type: 'tokens'; readonly tokens: Int32Array } | { readonly type: 'tile'; readonly tile: ImageTile };
