import type { Random } from '../../../src/data/scenes/random.js';

const STRING = 8;

/** Numbers at which code goes wrong. */
const NUMBERS = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 31, 32, 33, 64, 127, 128, 255, 256, 257, 512, 1000, 1023, 1024, 1025, 4096, 32_000, 65_535, 65_536],
  ...[2 ** 20, 2 ** 24, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 52, 2 ** 53, 2 ** 62, 2 ** 63, 2 ** 64],
  ...[-1, -2, -3, -128, -(2 ** 31), -(2 ** 63), 0.5, -0.5, 1.5, 1e-5, 1e-6, 1e-30, 1e-40, 1e-300, 1e30, 1e38, 1e39, 1e300],
  ...[NaN, Infinity, -Infinity, -0],
];

/** Words that stand for something in a GGUF file, and some that stand for nothing. */
const WORDS = [
  ...['llama', 'gpt2', 'bert', 't5', 'rwkv', 'plamo2', 'gemma4', 'none', 'no_vocab', 'whitespace', 'hybriddna', 'clip', 'mamba', 'phi-3'],
  ...['default', 'llama-bpe', 'smollm', 'gemma4', 'sarvam-moe', 'minicpm5', 'qwen2', 'deepseek-llm', 'falcon', 'tekken', 'kimi-k2', 'gpt-4o'],
  ...['idefics3', 'mlp', 'ldp', 'ldpv2', 'resampler', 'adapter', 'linear', 'yarn', 'longrope', 'su', 'vit', 'siglip'],
  ...['', ' ', '\u0000', 'a\u0000b', '../../etc/passwd', '%s%n%d', 'x'.repeat(70_000), '\ud83d\ude00', '{{ messages }}', '<|im_end|>', '<s>'],
];

export function hostileNumber(random: Random, near?: number): number {
  if (near === undefined || random.below(3) > 0) return random.pick(NUMBERS);
  return random.pick([near + 1, near - 1, near * 2, Math.floor(near / 2), -near, near + 0.5, near * near, near + 2 ** 32]);
}

export function hostileWord(random: Random): Buffer {
  return random.below(8) === 0 ? Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]) : Buffer.from(random.pick(WORDS));
}

/** Bytes of a scalar of the type with this number, with the value squeezed into what it can hold. */
export function scalarBytes(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  const whole = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  bytes.writeBigInt64LE(BigInt.asIntN(64, whole));
  switch (type) {
    case 0:
    case 1:
      return bytes.subarray(0, 1);
    case 7:
      return Buffer.of(Number(whole & 1n));
    case 2:
    case 3:
      return bytes.subarray(0, 2);
    case 4:
    case 5:
      return bytes.subarray(0, 4);
    case 6:
      bytes.writeFloatLE(value);
      return bytes.subarray(0, 4);
    case STRING:
      return Buffer.concat([Buffer.of(1, 0, 0, 0, 0, 0, 0, 0), Buffer.of(0x61)]);
    case 12:
      bytes.writeDoubleLE(value);
      return bytes;
    default:
      return bytes;
  }
}
