import type { KvCacheGeometry } from '../kv-cache.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';
import { BLOCK_FORMATS, groupBytes } from './quantise-groups.js';

/** What of a sequence may not be compressed yet: its newest tokens, a chunk that begins, and a full batch; and of one a batch more. */
const STREAM_CELLS = 5 * GEAR_GROUP;
const SPARE_CELLS = GEAR_GROUP;
/** Of the context, at least: ended sequences are kept while they do not stand in the way. */
const STREAM_SHARE = 1 / 8;

/** How a context is divided between tokens as they are and compressed ones. */
export function gearCells(
  { cells, sequences = 1 }: KvCacheGeometry,
  whole: boolean,
): { readonly streamCells: number; readonly chunkCells: number } {
  const needed = sequences * STREAM_CELLS + SPARE_CELLS;
  const streamCells = whole ? cells : Math.min(cells, Math.max(needed, Math.ceil(cells * STREAM_SHARE)));
  return { streamCells, chunkCells: Math.ceil(cells / GEAR_GROUP) * GEAR_GROUP };
}

/** Bytes that a GEAR cache allocates. */
export function gearBytes(geometry: KvCacheGeometry, options: Required<GearOptions>, whole: boolean): number {
  const { layers, kvHeads, headSize } = geometry;
  const { streamCells, chunkCells } = gearCells(geometry, whole);
  return 2 * layers * kvHeads * headSize * streamCells * 2 + (chunkCells / GEAR_GROUP) * gearChunkBytes(geometry, options);
}

/** Bytes of one chunk in all layers: codes with their scales, offsets, what is kept apart with its place, and both low-rank factors. */
export function gearChunkBytes(
  { layers, kvHeads, headSize }: Pick<KvCacheGeometry, 'layers' | 'kvHeads' | 'headSize'>,
  { bits, rank, outliers }: Required<GearOptions>,
): number {
  const group = groupBytes(BLOCK_FORMATS[bits]) + 2 + 4 * outliers;
  return 2 * layers * kvHeads * (headSize * group + 2 * rank * (GEAR_GROUP + headSize));
}
