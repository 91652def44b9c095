import type { Tensor } from '../../ggml/tensor.js';
import type { LaidOutTokens } from '../cells/lay-out-tokens.js';
import type { KvPlan } from '../kv-cache.js';
import type { ChunkInputs, ChunkWindow } from './chunk-store.js';

/** One graph serves this many chunks. */
const WINDOW_CHUNKS = 4;

/** Where the tokens of a batch go, and what of a GEAR cache its graph reads. */
export interface GearKvPlan extends KvPlan, LaidOutTokens {
  readonly positions: Int32Array;
  /** Cell of every token. */
  readonly cells: Int32Array;
  readonly start: number;
  readonly window: number;
  readonly chunks: ChunkWindow;
}

/** A GEAR cache's part of one graph. */
export type GearKvInputs = Readonly<Record<'cells' | 'mask', Tensor>> & {
  readonly start: number;
  readonly window: number;
  readonly chunks: ChunkWindow;
  readonly chunkInputs: ChunkInputs | null;
};

/** A range of whole windows with all these chunks in it; empty for none. */
export function chunkWindow(used: readonly number[], size: number): ChunkWindow {
  if (used.length === 0) return { start: 0, count: 0 };
  const start = Math.floor(Math.min(...used) / WINDOW_CHUNKS) * WINDOW_CHUNKS;
  const end = Math.min(Math.ceil((Math.max(...used) + 1) / WINDOW_CHUNKS) * WINDOW_CHUNKS, size);
  return { start, count: end - start };
}
