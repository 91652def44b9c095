import { float32ToFloat16 } from '../formats/float16.js';
import { GGML_TYPES } from '../formats/gguf/ggml-types.js';
import type { OutputType } from './output-type.js';

const { fround } = Math;

/**
 * Values as ggml stores them, little endian; bit for bit what ggml's reference quantisers give, which compute in float32.
 * @param values whole rows, each a whole number of the type's blocks.
 */
export function encodeTensor(values: Float32Array, type: OutputType): Uint8Array {
  switch (type) {
    case 'f32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'f16':
      return encodeHalves(values);
    case 'q8_0':
      return encodeBlocks(values, type, encodeQ8);
    case 'q4_0':
      return encodeBlocks(values, type, encodeQ4);
  }
}

/** A loop of its own: `Uint16Array.from` with a function takes eight times as long. */
function encodeHalves(values: Float32Array): Uint8Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = float32ToFloat16(values[i] ?? 0);
  return new Uint8Array(halves.buffer);
}

type BlockEncoder = (values: Float32Array, start: number, block: DataView) => void;

function encodeBlocks(values: Float32Array, type: 'q8_0' | 'q4_0', encode: BlockEncoder): Uint8Array {
  const { blockSize, blockBytes } = GGML_TYPES[type];
  const bytes = new Uint8Array((values.length / blockSize) * blockBytes);
  for (let start = 0, at = 0; start < values.length; start += blockSize, at += blockBytes) {
    encode(values, start, new DataView(bytes.buffer, at, blockBytes));
  }
  return bytes;
}

/** `quantize_row_q8_0_ref` (ggml-quants.c): an f16 scale, then 32 signed bytes. */
function encodeQ8(values: Float32Array, start: number, block: DataView): void {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[start + i] ?? 0));
  const scale = fround(largest / 127);
  const inverse = scale === 0 ? 0 : fround(1 / scale);
  block.setUint16(0, float32ToFloat16(scale), true);
  for (let i = 0; i < 32; i++) {
    const scaled = fround((values[start + i] ?? 0) * inverse);
    // C's roundf rounds halves away from zero, Math.round upwards.
    block.setInt8(2 + i, scaled < 0 ? -Math.floor(0.5 - scaled) : Math.floor(scaled + 0.5));
  }
}

/** `quantize_row_q4_0_ref` (ggml-quants.c): an f16 scale, then 16 bytes with elements i (low half) and i + 16 (high half). */
function encodeQ4(values: Float32Array, start: number, block: DataView): void {
  let extreme = 0;
  for (let i = 0; i < 32; i++) {
    const value = values[start + i] ?? 0;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  const scale = fround(extreme / -8);
  const inverse = scale === 0 ? 0 : fround(1 / scale);
  block.setUint16(0, float32ToFloat16(scale), true);
  const level = (i: number): number => Math.min(15, Math.trunc(fround(fround((values[start + i] ?? 0) * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) block.setUint8(2 + i, level(i) | (level(i + 16) << 4));
}
