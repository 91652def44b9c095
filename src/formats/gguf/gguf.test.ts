import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import type { ProgressEvent } from '../../core/progress.js';
import { GGML_TYPES } from './ggml-types.js';
import type { GgufValue } from './gguf-value.js';
import { readGguf, type GgufFile } from './read-gguf.js';
import { writeGguf, type GgufTensorSource } from './write-gguf.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-'));
});
afterAll(() => rm(folder, { recursive: true }));

const METADATA = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['u8', { type: 'u8', value: 255 }],
  ['i8', { type: 'i8', value: -128 }],
  ['u16', { type: 'u16', value: 65535 }],
  ['i16', { type: 'i16', value: -32768 }],
  ['u32', { type: 'u32', value: 4294967295 }],
  ['i32', { type: 'i32', value: -2147483648 }],
  ['f32', { type: 'f32', value: 0.5 }],
  ['f64', { type: 'f64', value: 1e-300 }],
  ['u64', { type: 'u64', value: 2n ** 64n - 1n }],
  ['i64', { type: 'i64', value: -5n }],
  ['bool', { type: 'bool', value: true }],
  ['text', { type: 'string', value: '\uFEFFé 🙂' }],
  ['strings', { type: 'array', of: 'string', value: ['a', '', 'Ġb'] }],
  ['bools', { type: 'array', of: 'bool', value: [true, false] }],
  ['floats', { type: 'array', of: 'f32', value: Float32Array.of(1.5, -0) }],
  ['longs', { type: 'array', of: 'i64', value: BigInt64Array.of(-1n, 7n) }],
  ['empty', { type: 'array', of: 'i32', value: new Int32Array() }],
]);

const TENSORS: GgufTensorSource[] = [
  { name: 'a.weight', type: 'f32', shape: [3, 2], data: () => new Uint8Array(24).fill(1) },
  { name: 'b.weight', type: 'q4_0', shape: [64, 2, 1], data: () => Promise.resolve(new Uint8Array(72).fill(2)) },
  { name: 'c.bias', type: 'f16', shape: [5], data: () => new Uint8Array(10).fill(3) },
];

async function written(name: string): Promise<string> {
  const path = join(folder, name);
  await writeGguf(path, { metadata: METADATA, tensors: TENSORS });
  return path;
}

/** What reading `bytes` as a file gives: the file, or the code of the error. Anything but an EdgeVlmError fails the test. */
async function outcome(bytes: Uint8Array): Promise<GgufFile | ErrorCode> {
  const path = join(folder, 'outcome.gguf');
  await writeFile(path, bytes);
  try {
    return await readGguf(path);
  } catch (error) {
    if (error instanceof EdgeVlmError) return error.code;
    throw error;
  }
}

describe('a file written and read', () => {
  it('keeps every key, value and type', async () => {
    const { metadata, version, alignment } = await readGguf(await written('keys.gguf'));
    expect([...metadata.entries()]).toEqual([...METADATA]);
    expect({ version, alignment }).toEqual({ version: 3, alignment: 32 });
  });

  it('finds each tensor where its data lies', async () => {
    const path = await written('tensors.gguf');
    const { tensors, dataOffset, fileBytes } = await readGguf(path);
    const bytes = await readFile(path);
    expect(fileBytes).toBe(bytes.length);
    expect(tensors.map(({ name, type, shape }) => ({ name, type, shape }))).toEqual(
      TENSORS.map(({ name, type, shape }) => ({ name, type, shape })),
    );
    for (const [index, tensor] of tensors.entries()) {
      expect(tensor.fileOffset).toBeGreaterThanOrEqual(dataOffset);
      expect(tensor.fileOffset % 32).toBe(0);
      const data = bytes.subarray(tensor.fileOffset, tensor.fileOffset + tensor.bytes);
      expect(new Set(data)).toEqual(new Set([index + 1]));
    }
  });

  it('may hold the vocabulary of a large model', async () => {
    const path = join(folder, 'vocabulary.gguf');
    const tokens = Array.from({ length: 300_000 }, (_, id) => `token ${id}`);
    await writeGguf(path, { metadata: new Map([['tokens', { type: 'array', of: 'string', value: tokens }]]), tensors: [] });
    expect((await readGguf(path)).metadata.strings('tokens')).toEqual(tokens);
  });

  it('is the file again when written from what was read', async () => {
    const path = await written('first.gguf');
    const bytes = await readFile(path);
    const file = await readGguf(path);
    const copy = join(folder, 'second.gguf');
    await writeGguf(copy, {
      metadata: new Map(file.metadata.entries()),
      tensors: file.tensors.map((tensor) => ({
        ...tensor,
        data: () => bytes.subarray(tensor.fileOffset, tensor.fileOffset + tensor.bytes),
      })),
    });
    expect(await readFile(copy)).toEqual(bytes);
  });
});

describe('metadata getters', () => {
  it('give values by type, or the fallback where the key is absent', async () => {
    const { metadata } = await readGguf(await written('getters.gguf'));
    expect(metadata.string('general.architecture')).toBe('llama');
    expect(metadata.number('i64')).toBe(-5);
    expect(metadata.count('u32')).toBe(4294967295);
    expect(metadata.boolean('bool')).toBe(true);
    expect(metadata.strings('strings')).toEqual(['a', '', 'Ġb']);
    expect([...metadata.numbers('floats')]).toEqual([1.5, -0]);
    expect([...metadata.numbers('longs')]).toEqual([-1, 7]);
    expect(metadata.number('absent', 3)).toBe(3);
    expect(metadata.string('absent', 'x')).toBe('x');
    expect(metadata.boolean('absent', false)).toBe(false);
    expect(metadata.strings('absent', [])).toEqual([]);
    expect(metadata.has('absent')).toBe(false);
  });

  it('refuse absent keys, other types and integers no number holds', async () => {
    const { metadata } = await readGguf(await written('refusals.gguf'));
    const codeOf = (read: () => unknown): unknown => {
      try {
        return read();
      } catch (error) {
        return error instanceof EdgeVlmError ? error.code : error;
      }
    };
    expect(codeOf(() => metadata.string('absent'))).toBe('MODEL_INCOMPLETE');
    expect(codeOf(() => metadata.string('u32'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.number('text', 1))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.number('u64'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.count('i8'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.count('f32'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.boolean('u8'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.numbers('strings'))).toBe('GGUF_INVALID');
    expect(codeOf(() => metadata.strings('floats'))).toBe('GGUF_INVALID');
  });
});

describe('a damaged file', () => {
  it('is refused as truncated wherever it ends early, with the missing bytes told', async () => {
    const bytes = await readFile(await written('whole.gguf'));
    const lastDataByte = bytes.length - 22; // the last tensor has 10 of its 32 padded bytes
    for (let length = 1; length < lastDataByte; length++) {
      expect([length, await outcome(bytes.subarray(0, length))]).toEqual([length, 'GGUF_TRUNCATED']);
    }
    expect(await outcome(bytes.subarray(0, lastDataByte))).toMatchObject({ fileBytes: lastDataByte });

    const path = await written('cut.gguf');
    await truncate(path, lastDataByte - 7);
    await expect(readGguf(path)).rejects.toThrow('7 bytes are missing');
  });

  it('never gives anything but a file within its bounds or a coded error', async () => {
    const bytes = await readFile(await written('fuzz.gguf'));
    const byte = fc.integer({ min: 0, max: 255 });
    const at = fc.integer({ min: 0, max: bytes.length - 1 });
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), at, with: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
      fc.record({ kind: fc.constant('set' as const), at, with: fc.constantFrom(...HUGE) }),
      fc.record({ kind: fc.constant('insert' as const), at, with: fc.array(byte, { maxLength: 9 }).map((list) => Uint8Array.from(list)) }),
      fc.record({ kind: fc.constant('delete' as const), at, with: fc.uint8Array({ minLength: 1, maxLength: 9 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let damaged = Buffer.from(bytes);
        for (const { kind, at: from, with: added } of edits) {
          const rest = from + (kind === 'insert' ? 0 : added.length);
          damaged = Buffer.concat([damaged.subarray(0, from), kind === 'delete' ? Buffer.alloc(0) : added, damaged.subarray(rest)]);
        }
        const result = await outcome(damaged);
        if (typeof result === 'string') {
          expect(['GGUF_INVALID', 'GGUF_TRUNCATED', 'GGUF_LIMIT']).toContain(result);
        } else {
          for (const tensor of result.tensors) expect(tensor.fileOffset + tensor.bytes).toBeLessThanOrEqual(damaged.length);
        }
      }),
      { numRuns: 1500 },
    );
  });
});

/** 64-bit patterns that counts, lengths, dimensions and offsets are confused by. */
const HUGE = [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 2n ** 40n, 2n ** 32n, 2n ** 24n, 0n].map((value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Uint8Array.from(bytes);
});

describe('a hostile header', () => {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const u64 = (value: bigint | number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const text = (value: string): Buffer => Buffer.concat([u64(value.length), Buffer.from(value, 'latin1')]);
  const head = (tensors: bigint | number, keys: bigint | number): Buffer =>
    Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(keys)]);
  const tensor = (name: string, shape: (bigint | number)[], type: number, offset: bigint | number): Buffer =>
    Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]);
  const data = Buffer.alloc(256);
  const oneTensor = (shape: (bigint | number)[], type: number, offset: bigint | number): Buffer =>
    Buffer.concat([head(1, 0), tensor('t', shape, type, offset), data]);
  const oneKey = (...value: Buffer[]): Buffer => Buffer.concat([head(0, 1), text('k'), ...value]);

  const cases: [string, Uint8Array, ErrorCode][] = [
    ['empty', Buffer.alloc(0), 'GGUF_INVALID'],
    ['a text file', Buffer.from('Hello'), 'GGUF_INVALID'],
    ['version 1', Buffer.concat([Buffer.from('GGUF'), u32(1), data]), 'GGUF_INVALID'],
    ['big endian', Buffer.concat([Buffer.from('GGUF'), Buffer.from([0, 0, 0, 3]), data]), 'GGUF_INVALID'],
    ['huge tensor count', head(2n ** 62n, 0), 'GGUF_LIMIT'],
    ['negative key count', head(0, 2n ** 64n - 1n), 'GGUF_LIMIT'],
    ['huge string', oneKey(u32(8), u64(2n ** 50n)), 'GGUF_LIMIT'],
    ['string past the end', oneKey(u32(8), u64(1000)), 'GGUF_TRUNCATED'],
    ['huge array', oneKey(u32(9), u32(4), u64(2n ** 40n)), 'GGUF_LIMIT'],
    ['array past the end', oneKey(u32(9), u32(12), u64(2n ** 20n)), 'GGUF_TRUNCATED'],
    ['array of strings past the end', oneKey(u32(9), u32(8), u64(2n ** 20n)), 'GGUF_TRUNCATED'],
    ['nested array', oneKey(u32(9), u32(9), u64(1), u32(4), u64(0)), 'GGUF_INVALID'],
    ['unknown value type', oneKey(u32(77), u64(1)), 'GGUF_INVALID'],
    ['boolean 2', oneKey(u32(7), Buffer.of(2)), 'GGUF_INVALID'],
    ['key given twice', Buffer.concat([head(0, 2), text('k'), u32(4), u32(1), text('k'), u32(4), u32(1)]), 'GGUF_INVALID'],
    ['empty key', Buffer.concat([head(0, 1), text(''), u32(4), u32(1)]), 'GGUF_INVALID'],
    ['key that is not text', Buffer.concat([head(0, 1), text('\xff'), u32(4), u32(1)]), 'GGUF_INVALID'],
    ['alignment 0', Buffer.concat([head(0, 1), text('general.alignment'), u32(4), u32(0)]), 'GGUF_INVALID'],
    ['alignment 48', Buffer.concat([head(0, 1), text('general.alignment'), u32(4), u32(48)]), 'GGUF_INVALID'],
    ['alignment 2^31', Buffer.concat([head(0, 1), text('general.alignment'), u32(4), u32(2 ** 31)]), 'GGUF_INVALID'],
    ['alignment as text', Buffer.concat([head(0, 1), text('general.alignment'), u32(8), text('32')]), 'GGUF_INVALID'],
    ['five dimensions', oneTensor([1, 1, 1, 1, 1], 0, 0), 'GGUF_INVALID'],
    ['dimension 0', oneTensor([4, 0], 0, 0), 'GGUF_INVALID'],
    ['negative dimension', oneTensor([2n ** 64n - 4n], 0, 0), 'GGUF_LIMIT'],
    ['product that wraps to 0', oneTensor([2n ** 32n, 2n ** 32n], 0, 0), 'GGUF_INVALID'],
    ['product beyond the file', oneTensor([2n ** 20n, 4], 0, 0), 'GGUF_TRUNCATED'],
    ['row of half a block', oneTensor([48], 8, 0), 'GGUF_INVALID'],
    ['removed type', oneTensor([32], 4, 0), 'GGUF_INVALID'],
    ['unknown type', oneTensor([32], 2 ** 31, 0), 'GGUF_INVALID'],
    ['unaligned offset', oneTensor([4], 0, 4), 'GGUF_INVALID'],
    ['offset beyond the file', oneTensor([4], 0, 2n ** 40n), 'GGUF_TRUNCATED'],
    ['negative offset', oneTensor([4], 0, 2n ** 64n - 32n), 'GGUF_LIMIT'],
    ['overlapping tensors', Buffer.concat([head(2, 0), tensor('a', [16], 0, 0), tensor('b', [4], 0, 32), data]), 'GGUF_INVALID'],
    ['tensor given twice', Buffer.concat([head(2, 0), tensor('a', [4], 0, 0), tensor('a', [4], 0, 32), data]), 'GGUF_INVALID'],
    ['tensor name of 64 bytes', Buffer.concat([head(1, 0), tensor('n'.repeat(64), [4], 0, 0), data]), 'GGUF_INVALID'],
    ['tensor name with a zero byte', Buffer.concat([head(1, 0), tensor('a\0b', [4], 0, 0), data]), 'GGUF_INVALID'],
  ];
  it.each(cases)('%s', async (_name, bytes, code) => {
    expect(await outcome(bytes)).toBe(code);
  });

  it('of a scalar tensor gives it one element', async () => {
    expect(await outcome(oneTensor([], 0, 0))).toMatchObject({ tensors: [{ shape: [1], bytes: 4 }] });
  });
});

describe('paths that are no files', () => {
  it('have their own codes', async () => {
    await expect(readGguf(join(folder, 'nothing.gguf'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(readGguf(folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await expect(writeGguf(join(folder, 'no', 'folder.gguf'), { metadata: METADATA, tensors: [] })).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
    });
  });
});

describe('a write that fails', () => {
  const failing: [string, GgufTensorSource, ErrorCode][] = [
    ['data of another size', { name: 'x', type: 'f32', shape: [4], data: () => new Uint8Array(3) }, 'INTERNAL'],
    ['a shape its type cannot have', { name: 'x', type: 'q8_0', shape: [33], data: () => new Uint8Array() }, 'INTERNAL'],
    ['a name used twice', { name: 'a.weight', type: 'f32', shape: [4], data: () => new Uint8Array(16) }, 'INTERNAL'],
    [
      'data that cannot be had',
      { name: 'x', type: 'f32', shape: [4], data: () => Promise.reject(new EdgeVlmError('SAFETENSORS_INVALID', 'broken')) },
      'SAFETENSORS_INVALID',
    ],
  ];
  it.each(failing)('for %s leaves the old file and nothing else', async (_name, tensor, code) => {
    const place = await mkdtemp(join(folder, 'failed-'));
    const path = join(place, 'model.gguf');
    await writeFile(path, 'old');
    await expect(writeGguf(path, { metadata: METADATA, tensors: [...TENSORS, tensor] })).rejects.toMatchObject({ code });
    expect(await readdir(place)).toEqual(['model.gguf']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('for a stop request leaves nothing', async () => {
    const place = await mkdtemp(join(folder, 'stopped-'));
    const stop = new AbortController();
    const work = writeGguf(
      join(place, 'model.gguf'),
      { metadata: METADATA, tensors: TENSORS },
      {
        signal: stop.signal,
        onProgress: (event) => {
          if (event.type === 'advance') stop.abort();
        },
      },
    );
    await expect(work).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(place)).toEqual([]);
  });
});

describe('progress of a write', () => {
  it('counts up to the size of the file', async () => {
    const seen: ProgressEvent[] = [];
    const path = join(folder, 'progress.gguf');
    const bytes = await writeGguf(path, { metadata: METADATA, tensors: TENSORS }, { onProgress: (event) => seen.push(event) });
    expect(seen.at(0)).toEqual({ type: 'start', label: path, unit: 'bytes', total: bytes });
    expect(seen.at(-1)).toEqual({ type: 'end', label: path, unit: 'bytes', done: bytes });
    expect((await readFile(path)).length).toBe(bytes);
  });
});

describe('the table of types', () => {
  it('gives every id once and whole blocks', () => {
    const layouts = Object.values(GGML_TYPES);
    expect(new Set(layouts.map(({ id }) => id)).size).toBe(layouts.length);
  });
});
