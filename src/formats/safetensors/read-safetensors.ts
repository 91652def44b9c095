import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import type { CheckpointTensor } from '../checkpoint/checkpoint-tensor.js';
import { openFile, readExactly } from '../open-file.js';
import { DTYPE_BYTES, type Dtype } from './dtypes.js';

/** The description of a 30,000-tensor checkpoint takes about 4 MB; the format's own bound is 100 MB. */
const MAX_HEADER_BYTES = 32 * 2 ** 20;
/** PyTorch checkpoints have up to 5 (video convolutions). */
const MAX_DIMS = 8;

const Entry = Type.Object({
  dtype: Type.String(),
  shape: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MAX_DIMS }),
  data_offsets: Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })]),
});
const Header = Type.Record(Type.String(), Type.Unknown());

/**
 * Reads and checks a safetensors file's description of its tensors, not their data.
 * Format: https://huggingface.co/docs/safetensors
 * @returns the tensors by name, in the order of the header.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE, SAFETENSORS_INVALID (also where the file is cut short).
 */
export async function readSafetensors(path: string): Promise<Map<string, CheckpointTensor>> {
  const { handle, bytes: fileBytes } = await openFile(path);
  try {
    if (fileBytes < 8) throw invalid(path, 'is too short for a safetensors file');
    const headerBytes = (await readExactly(handle, path, 0, 8)).readBigUInt64LE();
    if (headerBytes > BigInt(MAX_HEADER_BYTES))
      throw invalid(path, `is no safetensors file, or its header is over ${MAX_HEADER_BYTES} bytes`);
    const dataOffset = 8 + Number(headerBytes);
    if (dataOffset > fileBytes) throw invalid(path, `ends inside its header: ${dataOffset - fileBytes} bytes are missing`);
    const header = parseHeader(path, await readExactly(handle, path, 8, Number(headerBytes)));
    const tensors = new Map<string, CheckpointTensor>();
    for (const [name, entry] of Object.entries(header)) {
      if (name !== '__metadata__') tensors.set(name, parseEntry(path, name, entry, dataOffset));
    }
    checkPlacement(path, [...tensors.values()], fileBytes);
    return tensors;
  } finally {
    await handle.close();
  }
}

function parseHeader(path: string, bytes: Buffer): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(path, 'has a header that is not JSON', error);
  }
  if (!Value.Check(Header, header)) throw invalid(path, 'has a header that is no JSON object');
  return header;
}

function parseEntry(path: string, name: string, entry: unknown, dataOffset: number): CheckpointTensor {
  if (!Value.Check(Entry, entry)) throw invalid(path, `describes the tensor ${name} wrongly`);
  const [begin, end] = entry.data_offsets;
  const { dtype, shape } = entry;
  if (!isDtype(dtype)) {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: the tensor ${name} has the type ${dtype}, which cannot be read`);
  }
  const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw invalid(path, `gives the tensor ${name} ${end - begin} bytes, its shape [${shape.join(', ')}] as ${dtype} needs ${bytes}`);
  }
  return { name, dtype, shape, path, bytes, fileOffset: dataOffset + begin };
}

function isDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(DTYPE_BYTES, dtype);
}

function checkPlacement(path: string, tensors: readonly CheckpointTensor[], fileBytes: number): void {
  let end = 0;
  let previous = '';
  for (const tensor of [...tensors].sort((a, b) => a.fileOffset - b.fileOffset || a.bytes - b.bytes)) {
    if (tensor.fileOffset < end) throw invalid(path, `has the tensors ${previous} and ${tensor.name} overlap`);
    end = tensor.fileOffset + tensor.bytes;
    previous = tensor.name;
  }
  if (end > fileBytes) throw invalid(path, `has ${fileBytes} of ${end} bytes: ${end - fileBytes} bytes are missing`);
}

function invalid(path: string, what: string, cause?: unknown): EdgeVlmError {
  return new EdgeVlmError('SAFETENSORS_INVALID', `${path} ${what}`, { cause });
}
