import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { encodeHeader } from './encode-header.js';
import { tensorBytes, type GgmlType } from './ggml-types.js';
import type { GgufValue } from './gguf-value.js';
import { DEFAULT_ALIGNMENT, MAX_DIMS, MAX_TENSOR_NAME_BYTES } from './limits.js';

export interface GgufTensorSource {
  /** At most 63 bytes of UTF-8. */
  readonly name: string;
  readonly type: GgmlType;
  /** ggml order: `shape[0]` is the row length. */
  readonly shape: readonly number[];
  /** Called once, when this tensor's turn has come; must give exactly the bytes of `type` and `shape`. */
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

export interface GgufContents {
  /** Written in this order. `general.alignment` is not for the caller: 32 is used. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Written in this order. */
  readonly tensors: readonly GgufTensorSource[];
}

export interface WriteGgufOptions {
  /** Counts the bytes written; labelled with the path. */
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a GGUF v3 file. One tensor is in memory at a time. The file appears at `path` whole or not at all.
 * @returns the file's size in bytes.
 * @throws EdgeVlmError FILE_UNWRITABLE, CANCELLED, INTERNAL where the contents contradict themselves; and what `data` throws.
 */
export async function writeGguf(path: string, contents: GgufContents, options: WriteGgufOptions = {}): Promise<number> {
  const placed = place(contents.tensors);
  const header = encodeHeader(contents.metadata, placed);
  const headerBytes = padded(header.length);
  const last = placed.at(-1);
  const totalBytes = headerBytes + (last === undefined ? 0 : last.offset + padded(last.bytes));

  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: path, unit: 'bytes', total: totalBytes });
  await writeFileAtomically(path, async (write) => {
    const writePadded = async (bytes: Uint8Array): Promise<void> => {
      if (options.signal?.aborted === true) throw new EdgeVlmError('CANCELLED', `writing ${path} was stopped`);
      await write(bytes);
      await write(Buffer.alloc(padded(bytes.length) - bytes.length));
      task.advance(padded(bytes.length));
    };
    await writePadded(header);
    for (const tensor of placed) {
      const data = await tensor.data();
      if (data.length !== tensor.bytes) {
        throw new EdgeVlmError('INTERNAL', `the tensor ${tensor.name} was given ${data.length} bytes, its shape needs ${tensor.bytes}`);
      }
      await writePadded(data);
    }
  }).finally(() => {
    task.end();
  });
  return totalBytes;
}

type PlacedTensor = GgufTensorSource & { readonly bytes: number; readonly offset: number };

function place(tensors: readonly GgufTensorSource[]): PlacedTensor[] {
  const names = new Set<string>();
  let offset = 0;
  return tensors.map((tensor) => {
    const { name, type, shape } = tensor;
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes === 0 || nameBytes > MAX_TENSOR_NAME_BYTES || names.has(name)) {
      throw new EdgeVlmError('INTERNAL', `the tensor name "${name}" is empty, too long or used twice`);
    }
    names.add(name);
    const isShape = shape.length >= 1 && shape.length <= MAX_DIMS && shape.every((size) => Number.isSafeInteger(size) && size > 0);
    const bytes = isShape ? tensorBytes(type, shape) : undefined;
    if (bytes === undefined)
      throw new EdgeVlmError('INTERNAL', `the tensor ${name} cannot have the shape [${shape.join(', ')}] as ${type}`);
    const placed = { ...tensor, bytes, offset };
    offset += padded(bytes);
    return placed;
  });
}

function padded(bytes: number): number {
  return Math.ceil(bytes / DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT;
}
