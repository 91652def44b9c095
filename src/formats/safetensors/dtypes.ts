import { float16ToFloat32 } from '../float16.js';

/** Bytes per element of the safetensors types that can be read. Source: `Dtype` in safetensors' `tensor.rs`. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/**
 * The elements of little-endian `bytes` as float32, exact where float32 can hold them.
 * @param bytes a whole number of elements; any alignment. Data that is float32 already and aligned is not copied.
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const buffer = aligned(bytes);
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer.buffer, buffer.byteOffset, buffer.length / 8));
    case 'F16':
      return fromHalves(new Uint16Array(buffer.buffer, buffer.byteOffset, buffer.length / 2));
    case 'BF16':
      return fromBrainHalves(new Uint16Array(buffer.buffer, buffer.byteOffset, buffer.length / 2));
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer.buffer, buffer.byteOffset, buffer.length / 8), Number);
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer.buffer, buffer.byteOffset, buffer.length / 8), Number);
    case 'I32':
      return Float32Array.from(new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4));
    case 'U32':
      return Float32Array.from(new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4));
    case 'I16':
      return Float32Array.from(new Int16Array(buffer.buffer, buffer.byteOffset, buffer.length / 2));
    case 'U16':
      return Float32Array.from(new Uint16Array(buffer.buffer, buffer.byteOffset, buffer.length / 2));
    case 'I8':
      return Float32Array.from(new Int8Array(buffer.buffer, buffer.byteOffset, buffer.length));
    case 'U8':
    case 'BOOL':
      return Float32Array.from(buffer);
  }
}

/** Loops of their own, as checkpoints are large: `Float32Array.from` with a function takes many times as long. */
function fromHalves(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = float16ToFloat32(halves[i] ?? 0);
  return values;
}

/** bfloat16 is float32 without its lower half. */
function fromBrainHalves(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

/** Typed arrays of wide elements need memory aligned to them. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
}
