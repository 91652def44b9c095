import type { Buffer } from '../../ggml/buffer.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { TensorContext } from '../../ggml/tensor-context.js';
import type { KvCacheGeometry } from '../kv-cache.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';
import { BLOCK_FORMATS } from './quantise-groups.js';

/**
 * What is kept of keys or of values in one layer. Keys are grouped along the tokens of a chunk, channel by channel, values along the
 * channels of a token: d is the head size, T the tokens and C the chunks of the store, h the kv heads, G the groups of a token's head.
 */
export interface Side {
  /** Keys [T, d, h], values [d, T, h]. */
  readonly codes: Tensor;
  /** f16: keys [d, C, h], values [T, G, h]. */
  readonly offsets: Tensor;
  /** f16, whole numbers: which value of a group is kept apart. Keys [d, C, h], values [G, T, h]. */
  readonly outliers: Tensor;
  readonly outlierValues: Tensor;
  /** f16: a token's part of the low-rank product. Keys [rank, T, h], values [64, rank · C, h]. */
  readonly byToken: Tensor;
  /** f16: a channel's. Keys [d, rank · C, h], values [rank · C, d, h]. */
  readonly byChannel: Tensor;
}

/** A side's memory: bytes of the codes, f16 bits of the rest. */
export type SideMemory = { readonly codes: Uint8Array } & Readonly<Record<Exclude<keyof Side, 'codes'>, Uint16Array>>;

/** One layer's. */
export interface Sides {
  readonly keys: Side;
  readonly values: Side;
}

/** Tensors for chunks of so many cells. */
export function createSides(context: TensorContext, geometry: KvCacheGeometry, { bits, rank, outliers }: Required<GearOptions>): Sides {
  const { kvHeads, headSize, cells } = geometry;
  const { type } = BLOCK_FORMATS[bits];
  const chunks = cells / GEAR_GROUP;
  const groups = headSize / GEAR_GROUP;
  const half = (n: number, m: number): Tensor => context.create('f16', [n, m, kvHeads]);
  // ggml knows no tensor without values; a part that is turned off keeps one and is never read.
  const apart = (n: number, m: number): Tensor => (outliers === 0 ? context.create('f16', [1]) : half(n, m));
  const factor = (n: number, m: number): Tensor => (rank === 0 ? context.create('f16', [1]) : half(n, m));
  return {
    keys: {
      codes: context.create(type, [cells, headSize, kvHeads]),
      offsets: half(headSize, chunks),
      outliers: apart(headSize, chunks),
      outlierValues: apart(headSize, chunks),
      byToken: factor(rank, cells),
      byChannel: factor(headSize, rank * chunks),
    },
    values: {
      codes: context.create(type, [headSize, cells, kvHeads]),
      offsets: half(cells, groups),
      outliers: apart(groups, cells),
      outlierValues: apart(groups, cells),
      byToken: factor(GEAR_GROUP, rank * chunks),
      byChannel: factor(rank * chunks, headSize),
    },
  };
}

/** Where they lie, once they are placed. */
export function memoryOf(buffer: Buffer, side: Side): SideMemory {
  const bytes = (tensor: Tensor): Uint8Array => buffer.view(tensor, tensor.strides[3] * tensor.shape[3]);
  const halves = (tensor: Tensor): Uint16Array => {
    const { buffer: memory, byteOffset, byteLength } = bytes(tensor);
    return new Uint16Array(memory, byteOffset, byteLength / 2);
  };
  return {
    codes: bytes(side.codes),
    offsets: halves(side.offsets),
    outliers: halves(side.outliers),
    outlierValues: halves(side.outlierValues),
    byToken: halves(side.byToken),
    byChannel: halves(side.byChannel),
  };
}

export function sideTensors({ codes, offsets, outliers, outlierValues, byToken, byChannel }: Side): Tensor[] {
  return [codes, offsets, outliers, outlierValues, byToken, byChannel];
}
