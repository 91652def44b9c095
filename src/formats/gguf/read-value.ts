import { EdgeVlmError } from '../../core/errors.js';
import type { FileCursor } from './file-cursor.js';
import { ARRAY_TYPE, NUMBER_ARRAYS, scalarTypeOf, type GgufNumberType, type GgufScalarType, type GgufValue } from './gguf-value.js';
import { MAX_ARRAY_LENGTH, MAX_STRING_BYTES } from './limits.js';

/** Reads the type and value that follow `key`. Arrays inside arrays are refused: no model has them, ggml neither. */
export function readValue(path: string, cursor: FileCursor, key: string): GgufValue {
  const what = `the value of ${key}`;
  const typeId = cursor.u32(what);
  if (typeId !== ARRAY_TYPE) return readScalar(path, cursor, key, scalarType(path, key, typeId));
  const of = scalarType(path, key, cursor.u32(what));
  const length = cursor.size(what);
  if (length > MAX_ARRAY_LENGTH) {
    throw new EdgeVlmError('GGUF_LIMIT', `${path}: ${key} has ${length} elements, at most ${MAX_ARRAY_LENGTH} are read`);
  }
  return readArray(path, cursor, key, of, length);
}

function scalarType(path: string, key: string, id: number): GgufScalarType {
  const type = scalarTypeOf(id);
  if (type === undefined) throw new EdgeVlmError('GGUF_INVALID', `${path}: ${key} has the metadata type ${id}, which cannot be read`);
  return type;
}

function readScalar(path: string, cursor: FileCursor, key: string, type: GgufScalarType): GgufValue {
  const what = `the value of ${key}`;
  switch (type) {
    case 'u8':
      return { type, value: cursor.take(1, what).readUInt8() };
    case 'i8':
      return { type, value: cursor.take(1, what).readInt8() };
    case 'u16':
      return { type, value: cursor.take(2, what).readUInt16LE() };
    case 'i16':
      return { type, value: cursor.take(2, what).readInt16LE() };
    case 'u32':
      return { type, value: cursor.u32(what) };
    case 'i32':
      return { type, value: cursor.take(4, what).readInt32LE() };
    case 'f32':
      return { type, value: cursor.take(4, what).readFloatLE() };
    case 'f64':
      return { type, value: cursor.take(8, what).readDoubleLE() };
    case 'u64':
      return { type, value: cursor.take(8, what).readBigUInt64LE() };
    case 'i64':
      return { type, value: cursor.take(8, what).readBigInt64LE() };
    case 'bool':
      return { type, value: readBoolean(path, key, cursor.take(1, what).readUInt8()) };
    case 'string':
      return { type, value: readString(path, cursor, key) };
  }
}

function readArray(path: string, cursor: FileCursor, key: string, of: GgufScalarType, length: number): GgufValue {
  const what = `the value of ${key}`;
  if (of === 'string') {
    // Every string takes at least its 8-byte length.
    cursor.require(8 * length, what);
    return { type: 'array', of, value: Array.from({ length }, () => readString(path, cursor, key)) };
  }
  if (of === 'bool') return { type: 'array', of, value: Array.from(cursor.take(length, what), (byte) => readBoolean(path, key, byte)) };
  const bytes = readBytes(cursor, of, length, what);
  if (of === 'u64') return { type: 'array', of, value: new BigUint64Array(bytes) };
  if (of === 'i64') return { type: 'array', of, value: new BigInt64Array(bytes) };
  return { type: 'array', of, value: new NUMBER_ARRAYS[of](bytes) };
}

/** A copy of its own: typed arrays need aligned memory, and the cursor's window moves on. All supported CPUs are little endian. */
function readBytes(cursor: FileCursor, of: GgufNumberType, length: number, what: string): ArrayBuffer {
  const bytes = cursor.take(length * NUMBER_ARRAYS[of].BYTES_PER_ELEMENT, what);
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function readBoolean(path: string, key: string, byte: number): boolean {
  if (byte > 1) throw new EdgeVlmError('GGUF_INVALID', `${path}: ${key} has the boolean value ${byte}`);
  return byte === 1;
}

/** Broken UTF-8 becomes U+FFFD rather than an error: some vocabularies hold pieces of characters. */
function readString(path: string, cursor: FileCursor, key: string): string {
  const length = cursor.size(`the length of ${key}`);
  if (length > MAX_STRING_BYTES)
    throw new EdgeVlmError('GGUF_LIMIT', `${path}: ${key} has ${length} bytes, at most ${MAX_STRING_BYTES} are read`);
  return cursor.take(length, `the value of ${key}`).toString('utf8');
}
