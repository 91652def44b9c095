import { describe, expect, it } from 'vitest';
import { keptReason, targetType } from './target-type.js';

const f32 = (name: string, ...shape: number[]) => ({ name, type: 'f32', shape }) as const;
const context = { layers: 24, tied: false };

describe('what is not quantised, and why', () => {
  it.each([
    ['vector', f32('blk.0.attn_norm.weight', 256)],
    ['vector', f32('v.blk.0.attn_q.bias', 1024)],
    ['vector', f32('v.class_embd', 1024)],
    ['vector', f32('odd_norm.weight', 256, 4)],
    ['vector', f32('one.row.weight', 256, 1)],
    ['positions', f32('v.position_embd.weight', 1024, 577)],
    ['patches', f32('v.patch_embd.weight', 14, 14, 3, 1024)],
    ['convolution', f32('mm.model.peg.0.weight', 3, 3, 1, 2048)],
    ['convolution', f32('mm.model.mb_block.1.block.0.0.weight', 3, 3, 2048)],
  ] as const)('%s: %o', (reason, tensor) => {
    expect(keptReason(tensor)).toBe(reason);
  });

  it.each([f32('blk.0.ffn_up.weight', 256, 512), f32('mm.2.weight', 4096, 4096), f32('mm.model.mb_block.1.block.1.fc1.weight', 2048, 512)])(
    'but %o is',
    (tensor) => {
      expect(keptReason(tensor)).toBeUndefined();
    },
  );
});

describe('the type a matrix gets', () => {
  const typeOf = (name: string, row: number, type: Parameters<typeof targetType>[1]): string =>
    targetType(f32(name, row, 512), type, context).type;

  it('is finer for the head, and in the mixes for some values and feed-forwards', () => {
    expect(typeOf('output.weight', 2048, 'q4_0')).toBe('q6_K');
    expect(typeOf('output.weight', 2048, 'q8_0')).toBe('q8_0');
    expect(typeOf('output.weight', 2048, 'f16')).toBe('f16');
    expect(targetType(f32('token_embd.weight', 256, 512), 'q4_k_m', { layers: 2, tied: true }).type).toBe('q6_K');
    const layers = Array.from({ length: 24 }, (_, layer) => layer);
    const finer = layers.filter((layer) => typeOf(`blk.${layer}.ffn_down.weight`, 5632, 'q4_k_m') === 'q6_K');
    // llama.cpp's `use_more_bits` for 24 layers.
    expect(finer).toEqual([0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23]);
    expect(layers.filter((layer) => typeOf(`v.blk.${layer}.attn_v.weight`, 1024, 'q5_k_m') === 'q6_K')).toEqual(finer);
    expect(new Set(layers.map((layer) => typeOf(`blk.${layer}.ffn_down.weight`, 5632, 'q4_0')))).toEqual(new Set(['q4_0']));
  });

  it.each([
    ['q4_k_m', 576, { wanted: 'q4_K', type: 'q5_0' }],
    ['q5_k_m', 576, { wanted: 'q5_K', type: 'q5_1' }],
    ['q6_k', 576, { wanted: 'q6_K', type: 'q8_0' }],
    ['q6_k', 48, { wanted: 'q6_K', type: 'f16' }],
    ['q8_0', 48, { wanted: 'q8_0', type: 'f16' }],
    ['q4_0', 64, { wanted: 'q4_0', type: 'q4_0' }],
  ] as const)('%s with rows of %i gives way as in llama.cpp', (type, row, expected) => {
    expect(targetType(f32('blk.3.attn_k.weight', row, 64), type, context)).toEqual(expected);
  });
});
