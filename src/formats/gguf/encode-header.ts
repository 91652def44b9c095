import { ARRAY_TYPE, SCALAR_TYPES, type GgufScalarType, type GgufValue } from './gguf-value.js';
import { GGML_TYPES, type GgmlType } from './ggml-types.js';

/** Written as 3, the version whose counts and lengths are 64-bit and whose byte order may be either. */
const WRITTEN_VERSION = 3;

interface TensorEntry {
  readonly name: string;
  readonly type: GgmlType;
  readonly shape: readonly number[];
  /** From the beginning of the tensor data. */
  readonly offset: number;
}

/** The part of a GGUF file before its tensor data, without the padding that follows it. */
export function encodeHeader(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly TensorEntry[]): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(WRITTEN_VERSION), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) parts.push(text(key), encodeValue(value));
  for (const { name, type, shape, offset } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(GGML_TYPES[type].id), u64(offset));
  }
  return Buffer.concat(parts);
}

function encodeValue(value: GgufValue): Buffer {
  if (value.type === 'array')
    return Buffer.concat([u32(ARRAY_TYPE), u32(SCALAR_TYPES[value.of]), u64(value.value.length), encodeElements(value)]);
  if (value.type === 'string') return Buffer.concat([u32(SCALAR_TYPES.string), text(value.value)]);
  if (value.type === 'bool') return Buffer.concat([u32(SCALAR_TYPES.bool), Buffer.of(Number(value.value))]);
  return Buffer.concat([u32(SCALAR_TYPES[value.type]), encodeNumber(value.type, value.value)]);
}

function encodeElements(array: Extract<GgufValue, { type: 'array' }>): Buffer {
  if (array.of === 'string') return Buffer.concat(array.value.map(text));
  if (array.of === 'bool') return Buffer.from(array.value.map(Number));
  return Buffer.from(array.value.buffer, array.value.byteOffset, array.value.byteLength);
}

function encodeNumber(type: Exclude<GgufScalarType, 'string' | 'bool'>, value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  switch (type) {
    case 'u8':
      return bytes.subarray(0, bytes.writeUInt8(Number(value)));
    case 'i8':
      return bytes.subarray(0, bytes.writeInt8(Number(value)));
    case 'u16':
      return bytes.subarray(0, bytes.writeUInt16LE(Number(value)));
    case 'i16':
      return bytes.subarray(0, bytes.writeInt16LE(Number(value)));
    case 'u32':
      return bytes.subarray(0, bytes.writeUInt32LE(Number(value)));
    case 'i32':
      return bytes.subarray(0, bytes.writeInt32LE(Number(value)));
    case 'f32':
      return bytes.subarray(0, bytes.writeFloatLE(Number(value)));
    case 'f64':
      return bytes.subarray(0, bytes.writeDoubleLE(Number(value)));
    case 'u64':
      return bytes.subarray(0, bytes.writeBigUInt64LE(BigInt(value)));
    case 'i64':
      return bytes.subarray(0, bytes.writeBigInt64LE(BigInt(value)));
  }
}

function u32(value: number): Buffer {
  return encodeNumber('u32', value);
}

function u64(value: number): Buffer {
  return encodeNumber('u64', value);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}
