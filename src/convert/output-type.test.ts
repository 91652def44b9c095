import { describe, expect, it } from 'vitest';
import { storedType } from './output-type.js';

describe('the type a tensor is written as', () => {
  it('is f32 for vectors and norms, else the wanted one, else f16 where a row is no whole number of blocks', () => {
    expect(storedType('blk.0.attn_q.weight', [64, 64], 'q8_0')).toBe('q8_0');
    expect(storedType('blk.0.attn_q.weight', [64, 48], 'q8_0')).toBe('f16');
    expect(storedType('blk.0.attn_q.weight', [64, 48], 'f16')).toBe('f16');
    expect(storedType('blk.0.attn_q.bias', [64], 'q4_0')).toBe('f32');
    expect(storedType('output_norm.weight', [64], 'q4_0')).toBe('f32');
    expect(storedType('blk.0.attn_q.bias', [64, 64], 'q4_0')).toBe('f32');
  });
});
