import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../src/formats/gguf/read-gguf.js';

const PATH = fileURLToPath(new URL('fixtures/gguf/python.gguf', import.meta.url));

describe("a file of Python's gguf package (fixtures/gguf/make.py)", () => {
  it('gives the values that were written', async () => {
    const { metadata } = await readGguf(PATH);
    const numbers = {
      u8: 200,
      i8: -100,
      u16: 60000,
      i16: -30000,
      u32: 4e9,
      i32: -2e9,
      u64: 2 ** 53 - 1,
      i64: -(2 ** 40),
      f32: 0.25,
      f64: 1e-100,
    };
    for (const [type, value] of Object.entries(numbers)) {
      expect(metadata.get(`t.${type}`)?.type).toBe(type);
      expect(metadata.number(`t.${type}`)).toBe(value);
    }
    expect(metadata.string('general.architecture')).toBe('llama');
    expect(metadata.boolean('t.bool')).toBe(true);
    expect(metadata.string('t.string')).toBe('naïve ▁🙂');
    expect(metadata.strings('t.strings')).toEqual(['<s>', 'Ġa', '']);
    expect(metadata.numbers('t.ints')).toEqual(Int32Array.of(1, -2, 3));
    expect(metadata.numbers('t.floats')).toEqual(Float32Array.of(0.5, -1.5));
    expect(metadata.get('t.bools')).toEqual({ type: 'array', of: 'bool', value: [true, false] });
  });

  it('gives tensors in ggml order, at their data', async () => {
    const { tensors } = await readGguf(PATH);
    expect(tensors.map(({ name, type, shape, bytes }) => [name, type, shape, bytes])).toEqual([
      ['f32.weight', 'f32', [32, 2], 256],
      ['f16.weight', 'f16', [32, 2], 128],
      ['q8_0.weight', 'q8_0', [32, 2], 68],
      ['q4_0.weight', 'q4_0', [32, 2], 36],
      ['bf16.weight', 'bf16', [32, 2], 128],
    ]);
    const file = await readFile(PATH);
    const [first] = tensors;
    const values = Array.from({ length: 64 }, (_, index) => file.readFloatLE((first?.fileOffset ?? 0) + 4 * index));
    expect(values).toEqual(Array.from({ length: 64 }, (_, index) => index - 20));
  });
});
