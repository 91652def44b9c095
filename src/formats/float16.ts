const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/**
 * Rounds to IEEE half precision, to nearest and ties to even, as ggml's `GGML_FP32_TO_FP16` and numpy do.
 * Values beyond 65504 become infinite; NaN stays NaN.
 */
export function float32ToFloat16(number: number): number {
  value[0] = number;
  const [all = 0] = bits;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: move the exponent's bias from 127 to 15, then round off 13 bits; a carry moves into the exponent as it must.
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: a multiple of 2^-24. Adding 0.5, whose last bit is worth 2^-24, makes the hardware round to it.
  value[0] = Math.abs(number) + 0.5;
  return sign | ((bits[0] ?? 0) - 0x3f000000);
}

/** The exact value of an IEEE half. */
export function float16ToFloat32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  bits[0] = ((half & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13);
  return value[0] ?? 0;
}
