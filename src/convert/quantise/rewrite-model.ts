import { openFile, readExactly } from '../../formats/open-file.js';
import { toFloat32 } from '../../formats/safetensors/dtypes.js';
import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import type { GgufFile, GgufTensorInfo } from '../../formats/gguf/read-gguf.js';
import { writeGguf } from '../../formats/gguf/write-gguf.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { encodeRows } from './encode-rows.js';
import { isSourceType, QUANTISE_TYPES, SOURCE_TYPES, type QuantiseType } from './quantised-type.js';

export interface RewriteOptions {
  readonly out: string;
  readonly wanted: QuantiseType;
  readonly threads: number;
  /** The type each tensor gets. */
  readonly typeOf: (tensor: GgufTensorInfo) => GgmlType;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a GGUF file again with other tensor types, its keys as they are: what libllama's quantiser does for language models, for
 * vision halves, whose convolutions it cannot handle, and for plain f16.
 * @throws as `writeGguf` and `encodeRows`; FILE_UNREADABLE
 */
export async function rewriteModel(file: GgufFile, options: RewriteOptions): Promise<void> {
  const { out, wanted, threads, typeOf, onProgress, signal } = options;
  const metadata = new Map(file.metadata.entries());
  // The writer aligns by 32 bytes, whatever the source did.
  metadata.delete('general.alignment');
  metadata.set('general.file_type', { type: 'u32', value: QUANTISE_TYPES[wanted].fileType });
  metadata.set('general.quantization_version', { type: 'u32', value: QUANTIZATION_VERSION });
  const { handle } = await openFile(file.path);
  const read = (offset: number, bytes: number): Promise<Buffer> => readExactly(handle, file.path, offset, bytes);
  try {
    const tensors = file.tensors.map((info) => {
      const type = typeOf(info);
      return { name: info.name, type, shape: info.shape, data: () => reencode(info, type, { read, threads, signal }) };
    });
    await writeGguf(out, { metadata, tensors }, { onProgress, signal });
  } finally {
    await handle.close();
  }
}

/** Version 2 of ggml's block layouts, as `GGML_QNT_VERSION` in ggml.h. */
const QUANTIZATION_VERSION = 2;

interface Source {
  readonly read: (offset: number, bytes: number) => Promise<Buffer>;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

async function reencode(info: GgufTensorInfo, type: GgmlType, { read, threads, signal }: Source): Promise<Uint8Array> {
  if (type === info.type) return read(info.fileOffset, info.bytes);
  if (!isSourceType(info.type)) throw new EdgeVlmError('INTERNAL', `${info.name} of type ${info.type} cannot be read back`);
  const dtype = SOURCE_TYPES[info.type];
  const [rowLength = 1, ...others] = info.shape;
  const rows = others.reduce((product, size) => product * size, 1);
  const rowBytes = rowLength * GGML_TYPES[info.type].blockBytes;
  return encodeRows({ type, rowLength, rows, threads, signal }, async (into, first, count) => {
    into.set(toFloat32(dtype, await read(info.fileOffset + first * rowBytes, count * rowBytes)));
  });
}
