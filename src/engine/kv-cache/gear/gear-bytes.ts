import type { KvCacheGeometry } from '../kv-cache.js';
import { gearChunkBytes } from './chunk-store.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';

/** Cells for what is not compressed yet: two full batches and the newest tokens of a sequence or two. */
const MIN_STREAM_CELLS = 6 * GEAR_GROUP;
/** Of the context; more sequences have more newest tokens. */
const STREAM_SHARE = 1 / 8;

/** How a context is divided between tokens as they are and compressed ones. */
export function gearCells(cells: number, whole: boolean): { readonly streamCells: number; readonly chunkCells: number } {
  const streamCells = whole ? cells : Math.min(cells, Math.max(MIN_STREAM_CELLS, Math.ceil(cells * STREAM_SHARE)));
  return { streamCells, chunkCells: Math.ceil(cells / GEAR_GROUP) * GEAR_GROUP };
}

/** Bytes that a GEAR cache allocates. */
export function gearBytes(geometry: KvCacheGeometry, options: Required<GearOptions>, whole: boolean): number {
  const { layers, kvHeads, headSize, cells } = geometry;
  const { streamCells, chunkCells } = gearCells(cells, whole);
  return 2 * layers * kvHeads * headSize * streamCells * 2 + (chunkCells / GEAR_GROUP) * gearChunkBytes(geometry, options);
}
