import { float32ToFloat16 } from '../../../formats/float16.js';
import type { KvCacheGeometry } from '../kv-cache.js';
import type { SideMemory } from './chunk-side.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';
import { lowRank } from './low-rank.js';
import { BLOCK_FORMATS, groupBytes, quantiseGroups } from './quantise-groups.js';

/** How chunks are compressed. */
export interface ChunkForm {
  /** Its cells are tokens of whole chunks. */
  readonly geometry: KvCacheGeometry;
  readonly options: Required<GearOptions>;
}

/** Compresses a head's keys of one chunk. @param ofHead [head size, 64], channel after channel */
export function compressKeys(
  { geometry, options }: ChunkForm,
  memory: SideMemory,
  chunk: number,
  head: number,
  ofHead: Float32Array,
): void {
  const { headSize, cells } = geometry;
  const { bits, rank, outliers } = options;
  const chunks = cells / GEAR_GROUP;
  const quantised = quantiseGroups(ofHead, BLOCK_FORMATS[bits], outliers);
  const width = groupBytes(BLOCK_FORMATS[bits]);
  for (let channel = 0; channel < headSize; channel++) {
    const at = (head * headSize + channel) * chunks + chunk;
    memory.codes.set(quantised.codes.subarray(channel * width, (channel + 1) * width), at * width);
  }
  const first = (head * chunks + chunk) * headSize;
  memory.offsets.set(quantised.offsets, first);
  if (outliers === 1) {
    memory.outliers.set(halfIndices(quantised.outliers), first);
    memory.outlierValues.set(quantised.outlierValues, first);
  }
  if (rank === 0) return;
  const { left, right } = lowRank(quantised.residual, GEAR_GROUP, rank);
  memory.byToken.set(toHalves(right), (head * cells + chunk * GEAR_GROUP) * rank);
  memory.byChannel.set(toHalves(transposed(left, rank)), (head * chunks + chunk) * rank * headSize);
}

/** Compresses a head's values of one chunk. @param ofHead [64, head size], token after token */
export function compressValues(
  { geometry, options }: ChunkForm,
  memory: SideMemory,
  chunk: number,
  head: number,
  ofHead: Float32Array,
): void {
  const { headSize, cells } = geometry;
  const { bits, rank, outliers } = options;
  const chunks = cells / GEAR_GROUP;
  const groups = headSize / GEAR_GROUP;
  const quantised = quantiseGroups(ofHead, BLOCK_FORMATS[bits], outliers);
  const firstToken = head * cells + chunk * GEAR_GROUP;
  memory.codes.set(quantised.codes, firstToken * groups * groupBytes(BLOCK_FORMATS[bits]));
  quantised.offsets.forEach((offset, i) => {
    const [token, group] = [Math.floor(i / groups), i % groups];
    memory.offsets[(head * groups + group) * cells + chunk * GEAR_GROUP + token] = offset;
  });
  if (outliers === 1) {
    const channels = quantised.outliers.map((index, i) => (i % groups) * GEAR_GROUP + index);
    memory.outliers.set(halfIndices(channels), firstToken * groups);
    memory.outlierValues.set(quantised.outlierValues, firstToken * groups);
  }
  if (rank === 0) return;
  const { left, right } = lowRank(quantised.residual, headSize, rank);
  memory.byToken.set(toHalves(transposed(left, rank)), (head * chunks + chunk) * rank * GEAR_GROUP);
  const halves = toHalves(right);
  for (let channel = 0; channel < headSize; channel++) {
    const at = ((head * headSize + channel) * chunks + chunk) * rank;
    memory.byChannel.set(halves.subarray(channel * rank, (channel + 1) * rank), at);
  }
}

function transposed(matrix: Float32Array, columns: number): Float32Array {
  const rowCount = matrix.length / columns;
  return Float32Array.from(matrix, (_, i) => matrix[(i % rowCount) * columns + Math.floor(i / rowCount)] ?? 0);
}

function toHalves(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, float32ToFloat16);
}

/** Indices as f16 numbers: whole numbers up to 2048 are exact. */
function halfIndices(indices: Uint8Array): Uint16Array {
  return Uint16Array.from(indices, float32ToFloat16);
}
