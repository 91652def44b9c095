import { describe, expect, it } from 'vitest';
import { encodeTensor } from './encode-tensor.js';

const block = (values: readonly number[]): Float32Array => Float32Array.from({ length: 32 }, (_, index) => values[index] ?? 0);

describe('q8_0', () => {
  it('scales the largest magnitude to 127 and rounds halves away from zero', () => {
    // 127 makes the scale 1, an f16 of 0x3c00.
    const bytes = encodeTensor(block([127, -127, 0.5, -0.5, 1.5, -1.5, 0.49]), 'q8_0');
    expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]);
    expect([...new Int8Array(bytes.buffer, 2, 7)]).toEqual([127, -127, 1, -1, 2, -2, 0]);
  });

  it('keeps a block of zeros zero', () => {
    expect(encodeTensor(block([]), 'q8_0')).toEqual(new Uint8Array(34));
  });
});

describe('q4_0', () => {
  it('maps the value of largest magnitude to level 0, zero to 8, and stops at 15', () => {
    // -8 is extreme: scale 1, so the levels are the values plus 8.
    const bytes = encodeTensor(block([-8, 7.9, 0, -3.2]), 'q4_0');
    expect([...bytes.subarray(0, 6)]).toEqual([0x00, 0x3c, 0x80, 0x8f, 0x88, 0x85]);
  });

  it('puts elements 16 and on in the high halves', () => {
    const values = block([]);
    values[16] = -8;
    expect(encodeTensor(values, 'q4_0')[2]).toBe(0x08);
  });

  it('flips the sign of the scale where the extreme is positive', () => {
    const bytes = encodeTensor(block([8, -8]), 'q4_0');
    expect([...bytes.subarray(0, 4)]).toEqual([0x00, 0xbc, 0x80, 0x8f]);
  });
});

describe('f32 and f16', () => {
  it('are the plain values', () => {
    expect([...encodeTensor(Float32Array.of(1, -2), 'f32')]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
    expect([...encodeTensor(Float32Array.of(1, -2), 'f16')]).toEqual([0, 60, 0, 192]);
  });
});
