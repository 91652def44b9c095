import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import type { CheckpointTensor } from '../checkpoint/checkpoint-tensor.js';
import { openCheckpoint, readTensor } from '../checkpoint/open-checkpoint.js';
import { toFloat32 } from './dtypes.js';
import { readSafetensors } from './read-safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

function encode(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const DATA = Buffer.concat([Buffer.from(Float32Array.of(1, -2.5, 3, 4, 5, 6).buffer), Buffer.from(Uint16Array.of(0x3c00, 0xc000).buffer)]);
const HEADER = {
  __metadata__: { format: 'pt' },
  'a.weight': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  'b.bias': { dtype: 'F16', shape: [2], data_offsets: [24, 28] },
  'c.scalar': { dtype: 'U8', shape: [], data_offsets: [28, 29] },
  'd.empty': { dtype: 'F32', shape: [0, 4], data_offsets: [28, 28] },
};
const WHOLE = encode(HEADER, Buffer.concat([DATA, Buffer.of(7)]));

async function outcome(bytes: Uint8Array): Promise<Map<string, CheckpointTensor> | ErrorCode> {
  const path = join(folder, 'outcome.safetensors');
  await writeFile(path, bytes);
  try {
    return await readSafetensors(path);
  } catch (error) {
    if (error instanceof EdgeVlmError) return error.code;
    throw error;
  }
}

describe('a safetensors file', () => {
  it('gives names, types, shapes and values', async () => {
    const path = join(folder, 'whole.safetensors');
    await writeFile(path, WHOLE);
    const tensors = await readSafetensors(path);
    expect([...tensors.values()].map(({ name, dtype, shape, bytes }) => [name, dtype, shape, bytes])).toEqual([
      ['a.weight', 'F32', [2, 3], 24],
      ['b.bias', 'F16', [2], 4],
      ['c.scalar', 'U8', [], 1],
      ['d.empty', 'F32', [0, 4], 0],
    ]);
    const values: Record<string, number[]> = {};
    for (const [name, tensor] of tensors) values[name] = [...(await readTensor(tensor))];
    expect(values).toEqual({ 'a.weight': [1, -2.5, 3, 4, 5, 6], 'b.bias': [1, -2], 'c.scalar': [7], 'd.empty': [] });
  });

  it('is refused wherever it ends early', async () => {
    for (let length = 0; length < WHOLE.length; length++) {
      expect([length, await outcome(WHOLE.subarray(0, length))]).toEqual([length, 'SAFETENSORS_INVALID']);
    }
  });

  const entry = HEADER['a.weight'];
  const cases: [string, Uint8Array, ErrorCode][] = [
    ['a header longer than any real one', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 123]), 'SAFETENSORS_INVALID'],
    ['a negative header length', Buffer.alloc(100, 0xff), 'SAFETENSORS_INVALID'],
    ['a header that is not JSON', encode('{"a": '), 'SAFETENSORS_INVALID'],
    ['a header that is a list', encode('[1]'), 'SAFETENSORS_INVALID'],
    ['a header of broken UTF-8', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff]), 'SAFETENSORS_INVALID'],
    ['an entry that is no object', encode({ a: 3 }), 'SAFETENSORS_INVALID'],
    ['an unknown type', encode({ a: { ...entry, dtype: 'F8_E4M3' } }, DATA), 'CHECKPOINT_UNSUPPORTED'],
    ['a type that is a property of objects', encode({ a: { ...entry, dtype: 'constructor' } }, DATA), 'CHECKPOINT_UNSUPPORTED'],
    ['a shape of fractions', encode({ a: { ...entry, shape: [1.5, 4] } }, DATA), 'SAFETENSORS_INVALID'],
    ['a negative size', encode({ a: { ...entry, shape: [-2, -3] } }, DATA), 'SAFETENSORS_INVALID'],
    ['a shape that overflows', encode({ a: { ...entry, shape: [2 ** 40, 2 ** 40] } }, DATA), 'SAFETENSORS_INVALID'],
    ['offsets of another size', encode({ a: { ...entry, data_offsets: [0, 20] } }, DATA), 'SAFETENSORS_INVALID'],
    ['offsets in the wrong order', encode({ a: { ...entry, data_offsets: [24, 0] } }, DATA), 'SAFETENSORS_INVALID'],
    ['offsets past the end', encode({ a: { ...entry, data_offsets: [8, 32] } }, DATA), 'SAFETENSORS_INVALID'],
    ['overlapping tensors', encode({ a: entry, b: { dtype: 'U8', shape: [4], data_offsets: [20, 24] } }, DATA), 'SAFETENSORS_INVALID'],
  ];
  it.each(cases)('with %s is refused', async (_name, bytes, code) => {
    expect(await outcome(bytes)).toBe(code);
  });

  it('never gives anything but tensors within the file or a coded error', async () => {
    const at = fc.integer({ min: 0, max: WHOLE.length - 1 });
    const edit = fc.record({ at, remove: fc.integer({ min: 0, max: 4 }), add: fc.uint8Array({ maxLength: 4 }) });
    // Digits where digits were keep the header JSON, so that offsets and shapes are reached.
    const digits = fc.record({
      at: fc.constantFrom(...[...WHOLE.keys()].filter((index) => /\d/.test(String.fromCharCode(WHOLE[index] ?? 0)))),
      remove: fc.constant(1),
      add: fc.constantFrom('9', '0', '-1', '99999999999999999999', '1e300', '0.5', 'null').map((text) => Buffer.from(text)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(edit, digits), { minLength: 1, maxLength: 3 }), fc.boolean(), async (edits, mend) => {
        let damaged = Buffer.from(WHOLE);
        for (const { at: from, remove, add } of edits) {
          damaged = Buffer.concat([damaged.subarray(0, from), add, damaged.subarray(from + remove)]);
        }
        if (mend && damaged.length >= 8) damaged.writeBigUInt64LE(BigInt(Math.max(0, damaged.lastIndexOf('}') + 1 - 8)));
        const result = await outcome(damaged);
        if (typeof result === 'string') expect(['SAFETENSORS_INVALID', 'CHECKPOINT_UNSUPPORTED']).toContain(result);
        else for (const { fileOffset, bytes } of result.values()) expect(fileOffset + bytes).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('values of each type', () => {
  it('become float32, wherever the bytes lie in memory', () => {
    const cases: [Parameters<typeof toFloat32>[0], ArrayBufferView, number[]][] = [
      ['F64', Float64Array.of(0.1, -2), [Math.fround(0.1), -2]],
      ['F32', Float32Array.of(0.5, -2), [0.5, -2]],
      ['F16', Uint16Array.of(0x3c00, 0x8001), [1, -(2 ** -24)]],
      ['BF16', Uint16Array.of(0x3f80, 0xc040), [1, -3]],
      ['I64', BigInt64Array.of(-5n, 7n), [-5, 7]],
      ['U64', BigUint64Array.of(5n, 7n), [5, 7]],
      ['I32', Int32Array.of(-5, 7), [-5, 7]],
      ['U32', Uint32Array.of(4294967295, 7), [4294967296, 7]],
      ['I16', Int16Array.of(-5, 7), [-5, 7]],
      ['U16', Uint16Array.of(65535, 7), [65535, 7]],
      ['I8', Int8Array.of(-5, 7), [-5, 7]],
      ['U8', Uint8Array.of(255, 7), [255, 7]],
      ['BOOL', Uint8Array.of(1, 0), [1, 0]],
    ];
    for (const [dtype, array, wanted] of cases) {
      const bytes = new Uint8Array(array.buffer);
      const shifted = new Uint8Array(bytes.length + 1);
      shifted.set(bytes, 1);
      expect([dtype, ...toFloat32(dtype, bytes)]).toEqual([dtype, ...wanted]);
      expect([dtype, ...toFloat32(dtype, shifted.subarray(1))]).toEqual([dtype, ...wanted]);
    }
  });
});

describe('a checkpoint of several files', () => {
  const part = (name: string): Buffer => encode({ [name]: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, Buffer.of(1));
  async function checkpoint(weightMap: unknown, files: Record<string, Buffer>): Promise<string> {
    const place = await mkdtemp(join(folder, 'parts-'));
    await writeFile(join(place, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(place, name), bytes);
    return place;
  }

  it('is read as one, file after file', async () => {
    const place = await checkpoint({ x: '2.safetensors', y: '1.safetensors' }, { '1.safetensors': part('y'), '2.safetensors': part('x') });
    const tensors = await openCheckpoint(place);
    expect([...tensors.keys()]).toEqual(['y', 'x']);
    expect(tensors.get('x')?.path).toBe(join(place, '2.safetensors'));
  });

  it('is refused where index and files disagree, or the index leads out of the folder', async () => {
    const codeOf = async (weightMap: unknown, files: Record<string, Buffer>): Promise<unknown> =>
      openCheckpoint(await checkpoint(weightMap, files)).catch((error: unknown) => (error instanceof EdgeVlmError ? error.code : error));
    expect(await codeOf({ x: '1.safetensors' }, { '1.safetensors': part('y') })).toBe('SAFETENSORS_INVALID');
    expect(await codeOf({ y: '1.safetensors', x: '1.safetensors' }, { '1.safetensors': part('y') })).toBe('SAFETENSORS_INVALID');
    expect(await codeOf({ x: '1.safetensors' }, {})).toBe('FILE_NOT_FOUND');
    expect(await codeOf({ x: '../1.safetensors' }, {})).toBe('SAFETENSORS_INVALID');
    expect(await codeOf({ x: '..\\1.safetensors' }, {})).toBe('SAFETENSORS_INVALID');
    expect(await codeOf({ x: 3 }, {})).toBe('SAFETENSORS_INVALID');
    expect(await codeOf(null, {})).toBe('SAFETENSORS_INVALID');
  });

  it('without any weights names the file that is missing', async () => {
    const place = await mkdtemp(join(folder, 'none-'));
    await expect(openCheckpoint(place)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${place} holds neither model.safetensors nor pytorch_model.bin, nor parts of one with an index`,
    });
  });
});
