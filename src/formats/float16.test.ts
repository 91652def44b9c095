import { describe, expect, it } from 'vitest';
import { float16ToFloat32, float32ToFloat16 } from './float16.js';

describe('half precision', () => {
  it('gives every half back unchanged', () => {
    for (let half = 0; half < 2 ** 16; half++) {
      const number = float16ToFloat32(half);
      if (Number.isNaN(number)) expect(Number.isNaN(float16ToFloat32(float32ToFloat16(number)))).toBe(true);
      else if (float32ToFloat16(number) !== half) expect(float32ToFloat16(number)).toBe(half);
    }
  });

  it('rounds to the nearest half, ties to even', () => {
    for (let half = 0; half < 0x7bff; half++) {
      const [low, high] = [float16ToFloat32(half), float16ToFloat32(half + 1)];
      const middle = (low + high) / 2;
      const even = half % 2 === 0 ? half : half + 1;
      const step = (high - low) / 1024;
      const rounded = [middle - step, middle, middle + step, -middle].map(float32ToFloat16);
      const wanted = [half, even, half + 1, even | 0x8000];
      if (rounded.some((value, index) => value !== wanted[index])) expect(rounded).toEqual(wanted);
    }
  });

  it('makes too large values infinite and keeps signs, zeros and NaN', () => {
    expect([65519, 65520, -1e30, Infinity, 0, -0, 1e-30].map(float32ToFloat16)).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00, 0, 0x8000, 0]);
    expect(float32ToFloat16(NaN) & 0x7fff).toBeGreaterThan(0x7c00);
  });
});
