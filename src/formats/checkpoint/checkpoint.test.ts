import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import type { CheckpointTensor } from './checkpoint-tensor.js';
import { openCheckpoint, readTensor } from './open-checkpoint.js';
import { readPickle } from './read-pickle.js';
import { readPytorch } from './read-pytorch.js';

/** Files that PyTorch wrote; see make_pytorch.py. */
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/pytorch/', import.meta.url));
const fixture = (name: string): string => join(FIXTURES, name);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function outcome(bytes: Uint8Array): Promise<Map<string, CheckpointTensor> | ErrorCode> {
  const path = join(folder, 'outcome.bin');
  await writeFile(path, bytes);
  return codeOr(() => readPytorch(path));
}

async function codeOr<T>(read: () => T | Promise<T>): Promise<T | ErrorCode> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof EdgeVlmError) return error.code;
    throw error;
  }
}

describe('a checkpoint that PyTorch wrote', () => {
  it.each(['tensors.bin', 'protocol4.bin'])('%s gives names, shapes and values of every type', async (name) => {
    const expected = JSON.parse(await readFile(fixture('tensors.json'), 'utf8')) as Record<string, { shape: number[]; values: number[] }>;
    const tensors = await readPytorch(fixture(name));
    const found: typeof expected = {};
    for (const tensor of tensors.values()) found[tensor.name] = { shape: [...tensor.shape], values: [...(await readTensor(tensor))] };
    expect(found).toEqual(expected);
    expect([...tensors.values()].map(({ dtype }) => dtype)).toContain('BF16');
  });

  it('keeps tensors that share their data apart by where they start', async () => {
    const tensors = await readPytorch(fixture('tensors.bin'));
    const [whole, tied, slice] = ['f32', 'tied', 'slice'].map((name) => tensors.get(name)?.fileOffset ?? NaN);
    expect(tied).toBe(whole);
    expect(slice).toBe((whole ?? NaN) + 12 * 4);
  });

  it('is never executed: code, classes and other instructions are refused', async () => {
    await expect(readPytorch(fixture('harmful.bin'))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringMatching(/harmful\.bin.*"posix\.getcwd"/) as string,
      hint: expect.stringMatching(/^Nothing of the file was run/) as string,
    });
  });

  it.each([
    ['legacy.bin', /before 1\.6/],
    ['view.bin', /turned is a view/],
    ['nested.bin', /model is no tensor/],
    ['list.bin', /no dictionary/],
  ])('%s is refused with the reason', async (name, message) => {
    await expect(readPytorch(fixture(name))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is refused wherever it ends early', async () => {
    const whole = await readFile(fixture('tensors.bin'));
    for (let length = 0; length < whole.length; length += 7) {
      expect([length, await outcome(whole.subarray(0, length))]).toEqual([length, 'CHECKPOINT_INVALID']);
    }
  });

  it('never gives anything but tensors within the file or a coded error', async () => {
    const whole = await readFile(fixture('tensors.bin'));
    const edit = fc.record({
      at: fc.nat(whole.length - 1),
      remove: fc.nat(4),
      add: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(...HUGE)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.boolean(), async (edits, inPlace) => {
        let damaged = Buffer.from(whole);
        for (const { at, remove, add } of edits) {
          // In place, offsets stay right, so that what lies behind is reached.
          const rest = at + (inPlace ? add.length : remove);
          damaged = Buffer.concat([damaged.subarray(0, at), add, damaged.subarray(rest)]);
        }
        const result = await outcome(damaged);
        if (typeof result === 'string') expect(['CHECKPOINT_INVALID', 'CHECKPOINT_UNSUPPORTED']).toContain(result);
        else for (const { fileOffset, bytes } of result.values()) expect(fileOffset + bytes).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 1500 },
    );
  });
});

/** Patterns that lengths, counts and offsets are confused by. */
const HUGE = [0xffffffff, 0x80000000, 0x7fffffff, 0].map((value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return Uint8Array.from(bytes);
});

describe('a pickle', () => {
  const pickle = (...parts: (string | number[])[]): Buffer =>
    Buffer.concat([
      Buffer.from([0x80, 2]),
      ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    ]);
  const value = (...parts: (string | number[])[]): Promise<unknown> => codeOr(() => readPickle(pickle(...parts)));

  it('gives plain data', async () => {
    expect(await value('}(X', [1, 0, 0, 0], 'aK', [7], 'X', [1, 0, 0, 0], 'b](N', [0x88], 'eu.')).toEqual(
      new Map<string, unknown>([
        ['a', 7],
        ['b', [null, true]],
      ]),
    );
    expect(await value([0x8a, 2, 0xff, 0xff], '.')).toBe(-1);
    expect(await value([0x8a, 0], '.')).toBe(0);
    expect(await value('G', [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], '.')).toBe(1.5);
  });

  it.each<[string, ErrorCode, (string | number[])[]]>([
    ['nothing', 'CHECKPOINT_INVALID', []],
    ['an end without a value', 'CHECKPOINT_INVALID', ['.']],
    ['a module that is imported', 'CHECKPOINT_UNSUPPORTED', ['cos\nsystem\n', '(X', [2, 0, 0, 0], 'lstR.']],
    ['a builtin', 'CHECKPOINT_UNSUPPORTED', ['cbuiltins\neval\n.']],
    ["a name that is a property of JavaScript's objects", 'CHECKPOINT_UNSUPPORTED', ['c__proto__\nconstructor\n.']],
    ['a class that is made', 'CHECKPOINT_UNSUPPORTED', ['ccollections\nOrderedDict\n)', [0x81], '.']],
    ['an old instance', 'CHECKPOINT_UNSUPPORTED', ['(icollections\nOrderedDict\n.']],
    ['an extension code', 'CHECKPOINT_UNSUPPORTED', [[0x82, 1], '.']],
    ['a persistent id as text', 'CHECKPOINT_UNSUPPORTED', ['P1\n.']],
    ['an outside object that is no storage', 'CHECKPOINT_INVALID', ['K', [1], 'Q.']],
    ['a call of a storage class', 'CHECKPOINT_INVALID', ['ctorch\nFloatStorage\n)R.']],
    ['a call of a number', 'CHECKPOINT_INVALID', ['K', [1], ')R.']],
    ['a tensor of nothing', 'CHECKPOINT_INVALID', ['ctorch._utils\n_rebuild_tensor_v2\n)R.']],
    ['text longer than the file', 'CHECKPOINT_INVALID', ['X', [0xff, 0xff, 0xff, 0xff], 'a.']],
    ['a name that does not end', 'CHECKPOINT_INVALID', ['c', 'a'.repeat(1000), '\nb\n.']],
    ['a reference to nothing', 'CHECKPOINT_INVALID', ['h', [9], '.']],
    ['a tuple without its mark', 'CHECKPOINT_INVALID', ['K', [1], 't.']],
    ['an item of a list', 'CHECKPOINT_INVALID', [']K', [1], 'K', [1], 's.']],
    ['an element of a dictionary', 'CHECKPOINT_INVALID', ['}K', [1], 'a.']],
    ['half an item', 'CHECKPOINT_INVALID', ['}(K', [1], 'u.']],
    ['arguments from below a mark', 'CHECKPOINT_INVALID', ['K', [1], '(', [0x85], '.']],
    ['attributes of a number', 'CHECKPOINT_INVALID', ['K', [1], '}b.']],
    ['a number beyond 2^53', 'CHECKPOINT_INVALID', [[0x8a, 8, 255, 255, 255, 255, 255, 255, 255, 127], '.']],
    ['a later protocol', 'CHECKPOINT_UNSUPPORTED', [[0x80, 6], 'N.']],
  ])('with %s is refused', async (_, code, parts) => {
    expect(await value(...parts)).toBe(code);
  });

  it('of a dictionary that holds itself ends', async () => {
    expect(await value('}q', [0], 'K', [1], 'h', [0], 's.')).toBeInstanceOf(Map);
  });

  it('of any bytes ends in data or a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constantFrom(...Buffer.from('}](.KNtuaseQRbcqhX)\u0085\u0086\u0088', 'latin1')), fc.nat(255))),
        async (bytes) => {
          const result = await codeOr(() => readPickle(Buffer.from(bytes)));
          if (typeof result === 'string' && result.startsWith('CHECKPOINT')) expect(result).toMatch(/^CHECKPOINT_(INVALID|UNSUPPORTED)$/);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('a zip archive', () => {
  it('of another kind, or compressed, is refused', async () => {
    const whole = await readFile(fixture('tensors.bin'));
    const renamed = Buffer.from(whole.toString('latin1').replaceAll('/data.pkl', '/data.txt'), 'latin1');
    expect(await outcome(renamed)).toBe('CHECKPOINT_INVALID');
    const entry = whole.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    const compressed = Buffer.from(whole);
    compressed.writeUInt16LE(8, entry + 10);
    expect(await outcome(compressed)).toBe('CHECKPOINT_UNSUPPORTED');
    const big = Buffer.from(whole.toString('latin1').replace('little', 'bigger'), 'latin1');
    expect(await outcome(big)).toBe('CHECKPOINT_UNSUPPORTED');
  });
});

describe('a checkpoint folder', () => {
  async function checkpoint(files: Record<string, string | Buffer>): Promise<string> {
    const place = await mkdtemp(join(folder, 'parts-'));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(place, name), bytes);
    return place;
  }

  it('of one or several PyTorch files is read like one of safetensors', async () => {
    const bytes = await readFile(fixture('tensors.bin'));
    const one = await openCheckpoint(await checkpoint({ 'pytorch_model.bin': bytes }));
    const names = [...one.keys()];
    const part = 'pytorch_model-00001-of-00001.bin';
    const index = JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, part])) });
    const several = await openCheckpoint(await checkpoint({ [part]: bytes, 'pytorch_model.bin.index.json': index }));
    expect([...several.keys()]).toEqual(names);
  });

  it('whose index disagrees, or leads out of it, is refused', async () => {
    const bytes = await readFile(fixture('tensors.bin'));
    const withIndex = async (weightMap: unknown): Promise<unknown> => {
      const place = await checkpoint({ 'a.bin': bytes, 'pytorch_model.bin.index.json': JSON.stringify({ weight_map: weightMap }) });
      const result = await codeOr(() => openCheckpoint(place));
      return typeof result === 'string' ? result : 'read';
    };
    expect(await withIndex({ f32: 'a.bin' })).toBe('CHECKPOINT_INVALID');
    expect(await withIndex({ f32: '../a.bin' })).toBe('CHECKPOINT_INVALID');
    expect(await withIndex({ f32: 'a.safetensors' })).toBe('CHECKPOINT_INVALID');
    expect(await withIndex({ f32: 'b.bin' })).toBe('FILE_NOT_FOUND');
  });
});
