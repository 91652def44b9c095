import { float16ToFloat32, float32ToFloat16 } from '../../../formats/float16.js';
import { GEAR_GROUP } from './gear-options.js';

/** A block of a ggml type: what a code of 0 stands for, and how codes are packed behind the f16 scale. */
interface BlockFormat {
  readonly type: 'q2_0' | 'q4_0';
  readonly bits: 2 | 4;
  /** A code c stands for (c − zero) · scale. */
  readonly zero: number;
  readonly size: 64 | 32;
}

/** ggml's types whose blocks hold codes of so many bits (`dequantize_row_q2_0`, `dequantize_row_q4_0`). */
export const BLOCK_FORMATS: Record<2 | 4, BlockFormat> = {
  2: { type: 'q2_0', bits: 2, zero: 1, size: 64 },
  4: { type: 'q4_0', bits: 4, zero: 8, size: 32 },
};

/** Bytes of a group's codes, scales included. */
export function groupBytes({ bits, size }: BlockFormat): number {
  return (GEAR_GROUP / size) * (2 + (size * bits) / 8);
}

/** Groups of 64 values, quantised. */
export interface QuantisedGroups {
  /** ggml blocks, group after group. */
  readonly codes: Uint8Array;
  /** f16 bits: what is added to every value of a group. */
  readonly offsets: Uint16Array;
  /** Index in its group of the value that is kept apart. */
  readonly outliers: Uint8Array;
  /** f16 bits: what is added to that value. */
  readonly outlierValues: Uint16Array;
  /** What is still missing of every value. */
  readonly residual: Float32Array;
}

/**
 * Quantises groups of 64 values to a scale and an offset each, asymmetrically: from the least to the greatest of them. With `outliers`,
 * the value that widens that range most is left out of it and corrected apart.
 * @param values group after group
 */
export function quantiseGroups(values: Float32Array, format: BlockFormat, outliers: 0 | 1): QuantisedGroups {
  const groups = values.length / GEAR_GROUP;
  const codes = new Uint8Array(groups * groupBytes(format));
  const offsets = new Uint16Array(groups);
  const apart = new Uint8Array(groups);
  const apartValues = new Uint16Array(groups);
  const residual = new Float32Array(values.length);
  const levels = 2 ** format.bits - 1;
  for (let group = 0; group < groups; group++) {
    const first = group * GEAR_GROUP;
    const { low, high, outlier } = rangeOf(values.subarray(first, first + GEAR_GROUP), outliers);
    const scaleBits = float32ToFloat16((high - low) / levels);
    const scale = float16ToFloat32(scaleBits);
    const offsetBits = float32ToFloat16(low + format.zero * scale);
    const offset = float16ToFloat32(offsetBits);
    offsets[group] = offsetBits;
    for (let i = 0; i < GEAR_GROUP; i++) {
      const value = values[first + i] ?? 0;
      const exact = scale === 0 ? format.zero : Math.round((value - offset) / scale) + format.zero;
      const code = Math.min(Math.max(exact, 0), levels);
      writeCode(codes, group, i, code, scaleBits, format);
      residual[first + i] = value - offset - (code - format.zero) * scale;
    }
    if (outlier === null) continue;
    apart[group] = outlier;
    apartValues[group] = float32ToFloat16(residual[first + outlier] ?? 0);
    residual[first + outlier] = 0;
  }
  return { codes, offsets, outliers: apart, outlierValues: apartValues, residual };
}

function rangeOf(group: Float32Array, outliers: 0 | 1): { low: number; high: number; outlier: number | null } {
  let [least, greatest] = [0, 0];
  for (let i = 1; i < group.length; i++) {
    if ((group[i] ?? 0) < (group[least] ?? 0)) least = i;
    if ((group[i] ?? 0) > (group[greatest] ?? 0)) greatest = i;
  }
  const [low, high] = [group[least] ?? 0, group[greatest] ?? 0];
  if (outliers === 0) return { low, high, outlier: null };
  let [secondLow, secondHigh] = [Infinity, -Infinity];
  for (let i = 0; i < group.length; i++) {
    if (i !== least) secondLow = Math.min(secondLow, group[i] ?? 0);
    if (i !== greatest) secondHigh = Math.max(secondHigh, group[i] ?? 0);
  }
  return high - secondHigh > secondLow - low ? { low, high: secondHigh, outlier: greatest } : { low: secondLow, high, outlier: least };
}

/** Element i lies in block ⌊i / size⌋: 2-bit codes four to a byte in order, 4-bit codes of the first half in the low nibbles. */
function writeCode(codes: Uint8Array, group: number, i: number, code: number, scaleBits: number, { bits, size }: BlockFormat): void {
  const block = (group * GEAR_GROUP + i - (i % size)) / size;
  const start = block * (2 + (size * bits) / 8);
  const at = i % size;
  if (at === 0) {
    codes[start] = scaleBits & 0xff;
    codes[start + 1] = scaleBits >>> 8;
  }
  const [byte, shift] = bits === 2 ? [at >>> 2, (at & 3) * 2] : [at % 16, at < 16 ? 0 : 4];
  codes[start + 2 + byte] = (codes[start + 2 + byte] ?? 0) | (code << shift);
}
