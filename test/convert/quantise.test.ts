import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import type { ProgressEvent } from '../../src/core/progress.js';
import { encodeTensor } from '../../src/convert/encode-tensor.js';
import { quantiseModel, type QuantiseModelOptions } from '../../src/convert/quantise/quantise-model.js';
import { QUANTISE_TYPES, type QuantiseType } from '../../src/convert/quantise/quantised-type.js';
import { Engine } from '../../src/engine/engine.js';
import { quantise } from '../../src/engine/libllama/quantise.js';
import { readGguf, type GgufFile } from '../../src/formats/gguf/read-gguf.js';
import { editGguf, editTensor } from '../engine/support/edit-gguf.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';

const folder = await temporaryFolder();
const spm = (await tinyModel('tiny-llama-spm')).model;
const bpe = (await tinyModel('tiny-llama-bpe')).model;
const vision = await tinyModel('tiny-smolvlm');
const TYPES = Object.keys(QUANTISE_TYPES) as QuantiseType[];
let files = 0;

const fresh = (): string => join(folder, `${files++}.gguf`);
const make = (model: string, type: QuantiseType, options: Partial<QuantiseModelOptions> = {}) =>
  quantiseModel({ model, out: fresh(), type, threads: 2, ...options });

async function dataOf(file: GgufFile, name: string): Promise<Buffer> {
  const info = file.tensors.find((tensor) => tensor.name === name);
  if (info === undefined) throw new Error(`no tensor ${name}`);
  return (await readFile(file.path)).subarray(info.fileOffset, info.fileOffset + info.bytes);
}

describe('a language half', () => {
  test.each(TYPES)('as %s answers, and says of itself what it is', async (type) => {
    const { path, bytes, sourceBytes } = await make(spm, type);
    expect(bytes).toBeLessThan(sourceBytes);
    expect((await readGguf(path)).metadata.number('general.file_type')).toBe(QUANTISE_TYPES[type].fileType);
    using engine = await Engine.load({ model: path, threads: 1, context: 64 });
    const [logits = new Float32Array()] = await engine.runner.decode([{ sequence: 0, tokens: Int32Array.of(1, 2, 3), logits: 'last' }]);
    expect(logits.every(Number.isFinite)).toBe(true);
  });

  test("as a mix has libllama's types, and tells which rows did not fit", async () => {
    // Rows of 128 in the BPE model, of 256 and 512 in the other.
    const whole = await make(spm, 'q4_k_m');
    expect(whole.substituted).toEqual([]);
    expect(whole.tensorsByType).toMatchObject({ q4_K: expect.any(Number) as number, q6_K: expect.any(Number) as number });
    const partial = await make(bpe, 'q4_k_m');
    expect(partial.substituted.length).toBeGreaterThan(5);
    for (const { name, rowLength, wanted, used } of partial.substituted) {
      expect(rowLength % 256).not.toBe(0);
      expect([wanted, used]).toEqual(wanted === 'q4_K' ? ['q4_K', 'q5_0'] : ['q6_K', 'q8_0']);
      const { tensors } = await readGguf(partial.path);
      expect(tensors.find((tensor) => tensor.name === name)?.type).toBe(used);
    }
  });
});

describe('a vision half', () => {
  test.each(TYPES)('as %s is loaded by the engine; vectors, positions and patches stay as they are', async (type) => {
    const report = await make(vision.mmproj ?? '', type);
    expect(report.kept).toEqual({ vector: 22, positions: 1, patches: 2 });
    const [before, after] = [await readGguf(vision.mmproj ?? ''), await readGguf(report.path)];
    for (const name of ['v.position_embd.weight', 'v.patch_embd.weight', 'v.blk.0.ln1.weight', 'v.blk.0.attn_q.bias']) {
      expect([name, (await dataOf(after, name)).equals(await dataOf(before, name))]).toEqual([name, true]);
    }
    using engine = await Engine.load({ model: vision.model, mmproj: report.path, threads: 1, context: 64 });
    expect(engine.tokensPerTile).toBeGreaterThan(0);
  });

  test.each(['q8_0', 'q4_0', 'q6_k'] as const)(
    'as %s is what libllama makes of it, which can do towers without convolutions',
    async (type) => {
      const { path } = await make(vision.mmproj ?? '', type);
      const theirs = fresh();
      await quantise({ model: vision.mmproj ?? '', out: theirs, type, threads: 1 });
      const [ours, peer] = [await readGguf(path), await readGguf(theirs)];
      for (const { name, type: same } of peer.tensors) {
        expect([name, ours.tensors.find((tensor) => tensor.name === name)?.type]).toEqual([name, same]);
        expect([name, (await dataOf(ours, name)).equals(await dataOf(peer, name))]).toEqual([name, true]);
      }
    },
  );

  test('with a depthwise convolution keeps it, in f32 and in f16', async () => {
    for (const type of ['f32', 'f16'] as const) {
      const kernel = encodeTensor(
        Float32Array.from({ length: 9 * 64 }, (_, i) => i / 64),
        type,
      );
      const model = await editGguf(vision.mmproj ?? '', fresh(), ({ tensors }) => {
        tensors.set('mm.model.peg.0.weight', { name: 'mm.model.peg.0.weight', type, shape: [3, 3, 1, 64], data: () => kernel });
      });
      const { path, kept } = await make(model, 'q8_0');
      expect(kept.convolution).toBe(1);
      expect(await dataOf(await readGguf(path), 'mm.model.peg.0.weight')).toEqual(Buffer.from(kernel));
    }
  });

  test('made of bf16 is what is made of the same numbers in f32', async () => {
    const rounded = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer).map((bits) => bits & 0xffff0000);
    const change = (type: 'f32' | 'bf16') =>
      editGguf(vision.mmproj ?? '', fresh(), (contents) => {
        editTensor(contents, 'mm.model.fc.weight', ({ data }) => ({
          type,
          data: async () => {
            const bits = rounded(await data());
            return new Uint8Array(type === 'f32' ? bits.buffer : Uint16Array.from(bits, (value) => value >>> 16).buffer);
          },
        }));
      });
    const [a, b] = await Promise.all((['f32', 'bf16'] as const).map(async (type) => make(await change(type), 'q8_0')));
    expect((await readFile(a?.path ?? '')).equals(await readFile(b?.path ?? ''))).toBe(true);
  });
});

describe('quantising', () => {
  async function refusal(options: Partial<QuantiseModelOptions> & { readonly model: string }): Promise<unknown> {
    const place = await mkdtemp(join(folder, 'refused-'));
    const error: unknown = await make(options.model, 'q4_0', { out: join(place, 'out.gguf'), ...options }).catch(
      (thrown: unknown) => thrown,
    );
    expect(await readdir(place)).toEqual([]);
    return error instanceof EdgeVlmError ? error.code : error;
  }

  test('refuses what it cannot do, and leaves nothing behind', async () => {
    const { path: quantised } = await make(spm, 'q8_0');
    expect(await refusal({ model: quantised })).toBe('MODEL_UNSUPPORTED');
    expect(await refusal({ model: spm, out: spm })).toBe('USAGE');
    expect(await refusal({ model: spm, out: join(folder, 'no/such/folder.gguf') })).toBe('FILE_UNWRITABLE');
    expect(await refusal({ model: join(folder, 'absent.gguf') })).toBe('FILE_NOT_FOUND');
    expect(await refusal({ model: spm, freeBytes: () => Promise.resolve(1000) })).toBe('DISK_FULL');
    expect(await refusal({ model: spm, signal: AbortSignal.abort() })).toBe('CANCELLED');
    const part = await editGguf(spm, fresh(), ({ metadata }) => {
      metadata.set('split.count', { type: 'u16', value: 3 });
    });
    expect(await refusal({ model: part })).toBe('MODEL_UNSUPPORTED');
    const unknown = await editGguf(spm, fresh(), ({ metadata }) => {
      metadata.set('general.architecture', { type: 'string', value: 'runes' });
    });
    expect(await refusal({ model: unknown })).toBe('NATIVE_FAILED');
  });

  test('that fails because the disk fills up says so, and what was there before stays', async () => {
    const out = fresh();
    await writeFile(out, 'before');
    let free = 2 ** 40;
    const run = (): Promise<never> => {
      free = 100;
      return Promise.reject(new EdgeVlmError('NATIVE_FAILED', 'iostream error'));
    };
    await expect(make(spm, 'q8_0', { out, run, freeBytes: () => Promise.resolve(free) })).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readFile(out, 'utf8')).toBe('before');
    await expect(make(spm, 'q8_0', { out, run: () => Promise.reject(new EdgeVlmError('NATIVE_FAILED', 'other')) })).rejects.toMatchObject({
      code: 'NATIVE_FAILED',
    });
  });

  test('reports progress that begins and ends once', async () => {
    for (const model of [spm, vision.mmproj ?? '']) {
      const events: ProgressEvent[] = [];
      await make(model, 'q8_0', { onProgress: (event) => events.push(event) });
      expect(events.filter(({ type }) => type === 'start')).toHaveLength(1);
      expect(events.at(-1)?.type).toBe('end');
    }
  });
});
