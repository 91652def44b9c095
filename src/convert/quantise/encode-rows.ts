import { EdgeVlmError } from '../../core/errors.js';
import { loadNative } from '../../engine/ffi/native.js';
import { callAsync, NativeMemory } from '../../engine/ffi/native-memory.js';
import { GGML_TYPES, tensorBytes, type GgmlType } from '../../formats/gguf/ggml-types.js';
import { encodeTensor } from '../encode-tensor.js';

/** Numbers worked on at a time by each lane; with their quantised form some 8 MiB. */
const SLAB_VALUES = 2 ** 20;

export interface RowsOptions {
  readonly type: GgmlType;
  readonly rowLength: number;
  readonly rows: number;
  /** Slabs that are encoded side by side. */
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A tensor's bytes, its numbers asked for a slab of rows at a time, so that it is never whole in f32. Quantised by ggml itself.
 * @param fill writes rows `first` to `first + count`, of `rowLength` numbers each. Slabs may be asked for in any order.
 * @throws CANCELLED, NATIVE_FAILED, INTERNAL where the rows do not fit the type's blocks; what `fill` throws
 */
export async function encodeRows(
  { type, rowLength, rows, threads, signal }: RowsOptions,
  fill: (into: Float32Array, first: number, count: number) => void | Promise<void>,
): Promise<Uint8Array> {
  const rowBytes = tensorBytes(type, [rowLength]);
  if (rowBytes === undefined) throw new EdgeVlmError('INTERNAL', `rows of ${rowLength} numbers cannot be ${type}`);
  const result = new Uint8Array(rows * rowBytes);
  const perSlab = Math.min(rows, Math.max(1, Math.floor(SLAB_VALUES / rowLength)));
  let next = 0;
  const lane = async (): Promise<void> => {
    using numbers = new NativeMemory(4 * perSlab * rowLength);
    using blocks = new NativeMemory(perSlab * rowBytes);
    for (let first = next; first < rows; first = next) {
      if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'encoding was stopped', { cause: signal.reason });
      const count = Math.min(perSlab, rows - first);
      next = first + count;
      const values = new Float32Array(numbers.buffer, 0, count * rowLength);
      await fill(values, first, count);
      const encoded =
        type === 'f32' || type === 'f16' ? encodeTensor(values, type) : await quantiseSlab(type, numbers, blocks, count, rowLength);
      result.set(encoded, first * rowBytes);
    }
  };
  // All lanes have to end before an error passes on: they use native memory.
  const lanes = await Promise.allSettled(Array.from({ length: threads }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  return result;
}

async function quantiseSlab(
  type: GgmlType,
  numbers: NativeMemory,
  blocks: NativeMemory,
  rows: number,
  rowLength: number,
): Promise<Uint8Array> {
  const { ggml } = loadNative();
  const { id } = GGML_TYPES[type];
  const bytes = await callAsync(ggml.ggml_quantize_chunk, id, numbers.pointer, blocks.pointer, 0, rows, rowLength, null);
  if (bytes !== tensorBytes(type, [rowLength, rows]))
    throw new EdgeVlmError('NATIVE_FAILED', `ggml made ${bytes} bytes of ${rows} rows as ${type}`);
  return new Uint8Array(blocks.buffer, 0, bytes);
}
