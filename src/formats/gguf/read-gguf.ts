import { isUtf8 } from 'node:buffer';
import { EdgeVlmError } from '../../core/errors.js';
import { openFile } from '../open-file.js';
import { FileCursor } from './file-cursor.js';
import { GGML_TYPES, ggmlTypeOf, tensorBytes, type GgmlType } from './ggml-types.js';
import { GgufMetadata } from './gguf-metadata.js';
import type { GgufValue } from './gguf-value.js';
import {
  DEFAULT_ALIGNMENT,
  GGUF_VERSIONS,
  MAX_ALIGNMENT,
  MAX_DIMS,
  MAX_KEY_BYTES,
  MAX_KV,
  MAX_TENSOR_NAME_BYTES,
  MAX_TENSORS,
} from './limits.js';
import { readValue } from './read-value.js';

export interface GgufTensorInfo {
  readonly name: string;
  readonly type: GgmlType;
  /** ggml order: `shape[0]` is the row length, the fastest-varying dimension. 1 to 4 sizes ≥ 1. */
  readonly shape: readonly number[];
  /** Bytes of data. */
  readonly bytes: number;
  /** Where the data starts, from the beginning of the file. */
  readonly fileOffset: number;
}

export interface GgufFile {
  readonly path: string;
  readonly version: number;
  /** Bytes every tensor's data is aligned to. */
  readonly alignment: number;
  readonly metadata: GgufMetadata;
  /** In the order of the file. Every one lies inside the file and apart from the others. */
  readonly tensors: readonly GgufTensorInfo[];
  /** Where tensor data begins. */
  readonly dataOffset: number;
  readonly fileBytes: number;
}

interface TensorHeader extends Omit<GgufTensorInfo, 'fileOffset'> {
  /** From the beginning of the tensor data. */
  readonly offset: number;
}

/**
 * Reads and checks everything of a GGUF file but its tensor data: what comes back can be handed to native code, because
 * each length, count, offset, type and dimension was compared with the file. Memory used is that of the metadata.
 * Format: `ggml/docs/gguf.md` and `ggml/src/gguf.cpp` of ggml.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE, GGUF_INVALID, GGUF_TRUNCATED (tells the missing bytes), GGUF_LIMIT.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  const { handle, bytes } = await openFile(path);
  try {
    return parse(path, new FileCursor(handle.fd, path, bytes), bytes);
  } finally {
    await handle.close();
  }
}

function parse(path: string, cursor: FileCursor, fileBytes: number): GgufFile {
  const version = readVersion(path, cursor);
  const tensorCount = readCount(path, cursor, 'the tensor count', MAX_TENSORS);
  const kvCount = readCount(path, cursor, 'the key count', MAX_KV);

  const values = new Map<string, GgufValue>();
  for (let index = 0; index < kvCount; index++) {
    const key = readName(path, cursor, `key ${index}`, MAX_KEY_BYTES);
    if (values.has(key)) throw new EdgeVlmError('GGUF_INVALID', `${path}: the key ${key} appears twice`);
    values.set(key, readValue(path, cursor, key));
  }
  const alignment = readAlignment(path, values);

  const headers = new Map<string, TensorHeader>();
  for (let index = 0; index < tensorCount; index++) {
    const header = readTensorHeader(path, cursor, index, alignment);
    if (headers.has(header.name)) throw new EdgeVlmError('GGUF_INVALID', `${path}: the tensor ${header.name} appears twice`);
    headers.set(header.name, header);
  }

  const dataOffset = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = [...headers.values()].map(({ offset, ...header }) => ({ ...header, fileOffset: dataOffset + offset }));
  checkPlacement(path, tensors, fileBytes);
  return { path, version, alignment, metadata: new GgufMetadata(path, values), tensors, dataOffset, fileBytes };
}

function readVersion(path: string, cursor: FileCursor): number {
  // Compared before asking for the rest, so that a short text file is called what it is.
  const magic = cursor.take(Math.min(4, cursor.remaining), 'the magic number');
  if (!Buffer.from('GGUF').subarray(0, magic.length).equals(magic) || magic.length === 0) {
    throw new EdgeVlmError('GGUF_INVALID', `${path} is not a GGUF file`);
  }
  cursor.require(4 - magic.length, 'the magic number');
  const version = cursor.u32('the version');
  if (GGUF_VERSIONS.includes(version)) return version;
  // As ggml tells them apart: no version needs its upper half, so an empty lower half means swapped bytes.
  const reason = version !== 0 && (version & 0xffff) === 0 ? 'is a big-endian GGUF file' : `is GGUF version ${version}`;
  throw new EdgeVlmError('GGUF_INVALID', `${path} ${reason}; little-endian versions ${GGUF_VERSIONS.join(' and ')} can be read`);
}

function readCount(path: string, cursor: FileCursor, what: string, limit: number): number {
  const count = cursor.size(what);
  if (count > limit) throw new EdgeVlmError('GGUF_LIMIT', `${path}: ${what} is ${count}, at most ${limit} are read`);
  return count;
}

/** Names end up in maps, messages and C strings: they must be valid, non-empty text without zero bytes. */
function readName(path: string, cursor: FileCursor, what: string, limit: number): string {
  const length = cursor.size(`the length of ${what}`);
  if (length > limit)
    throw new EdgeVlmError('GGUF_INVALID', `${path}: the name of ${what} has ${length} bytes, at most ${limit} are allowed`);
  const bytes = cursor.take(length, what);
  if (length === 0 || bytes.includes(0) || !isUtf8(bytes)) {
    throw new EdgeVlmError('GGUF_INVALID', `${path}: the name of ${what} is empty or not text`);
  }
  return bytes.toString('utf8');
}

function readAlignment(path: string, values: ReadonlyMap<string, GgufValue>): number {
  const found = values.get('general.alignment');
  if (found === undefined) return DEFAULT_ALIGNMENT;
  const alignment = found.type === 'u32' ? found.value : 0;
  const isPowerOfTwo = Number.isInteger(Math.log2(alignment));
  if (isPowerOfTwo && alignment >= 8 && alignment <= MAX_ALIGNMENT) return alignment;
  throw new EdgeVlmError('GGUF_INVALID', `${path}: general.alignment is no u32 power of two from 8 to ${MAX_ALIGNMENT}`);
}

function readTensorHeader(path: string, cursor: FileCursor, index: number, alignment: number): TensorHeader {
  const name = readName(path, cursor, `tensor ${index}`, MAX_TENSOR_NAME_BYTES);
  const what = `the description of tensor ${name}`;
  const dims = cursor.u32(what);
  if (dims > MAX_DIMS)
    throw new EdgeVlmError('GGUF_INVALID', `${path}: the tensor ${name} has ${dims} dimensions, at most ${MAX_DIMS} exist`);
  // A scalar may be written without dimensions; ggml, too, reads it as one row of one element.
  const shape = dims === 0 ? [1] : Array.from({ length: dims }, () => cursor.size(what));
  const typeId = cursor.u32(what);
  const offset = cursor.size(what);

  const type = ggmlTypeOf(typeId);
  if (type === undefined) throw new EdgeVlmError('GGUF_INVALID', `${path}: the tensor ${name} has the unknown ggml type ${typeId}`);
  const bytes = shape.includes(0) ? undefined : tensorBytes(type, shape);
  if (bytes === undefined) {
    const shapeText = `[${shape.join(', ')}]`;
    const block = GGML_TYPES[type].blockSize;
    throw new EdgeVlmError(
      'GGUF_INVALID',
      `${path}: the tensor ${name} of type ${type} (blocks of ${block}) cannot have the shape ${shapeText}`,
    );
  }
  if (offset % alignment !== 0) throw new EdgeVlmError('GGUF_INVALID', `${path}: the tensor ${name} is not aligned to ${alignment} bytes`);
  return { name, type, shape, bytes, offset };
}

function checkPlacement(path: string, tensors: readonly GgufTensorInfo[], fileBytes: number): void {
  let end = 0;
  let previous = '';
  for (const tensor of [...tensors].sort((a, b) => a.fileOffset - b.fileOffset)) {
    if (tensor.fileOffset < end) throw new EdgeVlmError('GGUF_INVALID', `${path}: the tensors ${previous} and ${tensor.name} overlap`);
    end = tensor.fileOffset + tensor.bytes;
    previous = tensor.name;
  }
  if (end > fileBytes) {
    throw new EdgeVlmError('GGUF_TRUNCATED', `${path} has ${fileBytes} of ${end} bytes: ${end - fileBytes} bytes are missing`);
  }
}
