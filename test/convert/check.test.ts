import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkModel } from '../../src/convert/check/check-model.js';
import { quantiseModel } from '../../src/convert/quantise/quantise-model.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';

const folder = await temporaryFolder();
const text = (await tinyModel('tiny-llama-spm')).model;
const vision = await tinyModel('tiny-smolvlm');
const options = { threads: 1, steps: 24, seconds: 60 };

test.each(['f16', 'q8_0', 'q4_k_m'] as const)('%s: the engine and libllama choose the same tokens for every prompt', async (type) => {
  const { path } = await quantiseModel({ model: text, out: join(folder, `${type}.gguf`), type, threads: 1 });
  const report = await checkModel({ model: path, ...options });
  expect(report).toMatchObject({ verdict: 'equal', steps: 4 * 24, equal: 4 * 24, pictures: null });
  expect(report.maxLogitDelta).toBeLessThan(1e-3);
  expect(report.prompts).toHaveLength(4);
});

test('a vision half is loaded and matched, and it is said that pictures were not compared', async () => {
  const report = await checkModel({ model: vision.model, mmproj: vision.mmproj, ...options });
  expect(report).toMatchObject({ verdict: 'equal', pictures: { checked: false, reason: expect.stringMatching(/mtmd/) as string } });
  await expect(checkModel({ model: text, mmproj: vision.mmproj, ...options })).rejects.toMatchObject({ code: 'MMPROJ_MISMATCH' });
});

test('with no time left compares some steps of one prompt', async () => {
  const report = await checkModel({ model: text, ...options, seconds: 0 });
  expect(report).toMatchObject({ verdict: 'equal', steps: 8 });
});

test('reports progress, and can be stopped', async () => {
  const types: string[] = [];
  await checkModel({ model: text, ...options, onProgress: ({ type }) => types.push(type) });
  expect([types[0], types.at(-1), types.length]).toEqual(['start', 'end', 2 + 2 * 4 * 24]);
  await expect(checkModel({ model: text, ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('a damaged file is refused before libllama sees it', async () => {
  const path = join(folder, 'cut.gguf');
  await writeFile(path, (await readFile(text)).subarray(0, 5000));
  await expect(checkModel({ model: path, ...options })).rejects.toMatchObject({ code: 'GGUF_TRUNCATED' });
});
