import { copyFile, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { MappedFile } from '../../src/engine/ggml/mapped-file.js';
import { quantise } from '../../src/engine/libllama/quantise.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const folder = await temporaryFolder();
const { model: original } = await tinyModel('tiny-llama-spm', 'f32');
const mappable = process.platform !== 'win32';

/** A file of this test's own, so that nobody else has it mapped. */
async function fileOf(type: 'f32' | 'q8_0' | 'q4_0', name: string): Promise<string> {
  const out = join(folder, `${name}-${type}.gguf`);
  if (type === 'f32') await copyFile(original, out);
  else await quantise({ model: original, out, type, threads: 1 });
  return out;
}

async function logits(engine: Engine): Promise<Float32Array> {
  const tokens = pseudoRandomTokens(24, engine.shape.vocabulary);
  const [rows = new Float32Array()] = await engine.runner.decode([{ sequence: 0, tokens, logits: 'all' }]);
  return rows;
}

async function mapsOf(file: string): Promise<number> {
  const maps = await readFile('/proc/self/maps', 'utf8');
  return maps.split('\n').filter((line) => line.endsWith(file)).length;
}

describe.skipIf(!mappable)('weights that stay in the file', () => {
  test.each(['f32', 'q8_0', 'q4_0'] as const)('%s: give the same logits as a copy, bit by bit', async (type) => {
    const model = await fileOf(type, 'same');
    using copied = await Engine.load({ model, threads: 1, context: 64, mmap: 'off' });
    using mapped = await Engine.load({ model, threads: 1, context: 64, mmap: 'on' });
    expect(await logits(mapped)).toEqual(await logits(copied));
    expect(mapped.description.weightBytes).toBeGreaterThan(0);
  });

  test.runIf(process.platform === 'linux')('are let go with the engine, once, and are not mapped unless asked', async () => {
    const model = await fileOf('f32', 'released');
    const engine = await Engine.load({ model, threads: 1, context: 64, mmap: 'on' });
    await logits(engine);
    expect(await mapsOf(model)).toBe(1);
    engine[Symbol.dispose]();
    engine[Symbol.dispose]();
    expect(await mapsOf(model)).toBe(0);
    using copied = await Engine.load({ model, threads: 1, context: 64, mmap: 'off' });
    expect(await mapsOf(model)).toBe(0);
    expect(copied.description.weightBytes).toBeGreaterThan(0);
  });

  test.runIf(process.platform === 'linux')('are let go when loading fails', async () => {
    const model = await fileOf('f32', 'failed');
    const cancelled = AbortSignal.abort();
    await expect(Engine.load({ model, threads: 1, context: 64, mmap: 'on', signal: cancelled })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await mapsOf(model)).toBe(0);
  });

  test.runIf(process.platform === 'linux')('end the process of an engine whose file is cut off, and nothing else', async () => {
    const model = await fileOf('f32', 'cut');
    const engine = await EngineGenerator.start({ model, threads: 1, context: 64, mmap: 'on' });
    try {
      await truncate(model, 4096);
      const answer = async (): Promise<void> => {
        for await (const event of engine.generate({ input: { prompt: 'The green' }, maxTokens: 4 })) expect(event.type).toBe('token');
      };
      await expect(answer()).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    } finally {
      await engine.close();
    }
  });

  test('are never read beyond the end of the file', () => {
    using file = MappedFile.open(original);
    expect(file?.bytes).toBeGreaterThan(0);
    const end = file?.bytes ?? 0;
    expect(() => file?.at(end - 8, 8)).not.toThrow();
    for (const [offset, bytes] of [
      [end - 8, 9],
      [-1, 1],
      [end, 1],
    ] as const) {
      expect(() => file?.at(offset, bytes)).toThrow(expect.objectContaining({ code: 'GGUF_TRUNCATED' }));
    }
  });
});
