import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { ChildProcess } from '../../src/host/child-process.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';
import type { LimitedProtocol } from './children/limited.js';
import { emptyReport } from './hostile-run.js';
import { hostileModel } from './models/hostile-model.js';
import { encodeRawGguf, parseRawGguf } from './models/raw-gguf.js';
import { runHostileModels } from './models/run-hostile-models.js';
import { seedModels } from './models/seed-models.js';

/** 2 % of the campaign that `scripts/hostile.ts` runs whole. */
const CASES = 2000;
const CAMPAIGN = 1;
const LONG = 30 * 60_000;

const folder = await temporaryFolder();
const seeds = await seedModels(folder);

test(
  'every hostile model is refused with a code, or loads and answers; the process that loads it lives',
  async () => {
    const report = emptyReport(CAMPAIGN);
    await runHostileModels(seeds, folder, report, CASES);
    expect(report.failures).toEqual([]);
    // Most must get past the first check, or little would be tested.
    expect(report.outcomes.sound).toBeGreaterThan(CASES / 10);
    expect(report.outcomes.GGUF_INVALID).toBeLessThan(CASES / 2);
    expect(Object.keys(report.outcomes).length).toBeGreaterThan(7);
  },
  LONG,
);

test('a case is the same whenever it is made', () => {
  const make = (campaign: number) => {
    const { model, mmproj, ...rest } = hostileModel(seeds, campaign, 7);
    return { ...rest, halves: [model, mmproj ?? Buffer.alloc(0)].map((half) => createHash('sha256').update(half).digest('hex')) };
  };
  expect(make(CAMPAIGN)).toEqual(make(CAMPAIGN));
  expect(make(CAMPAIGN)).not.toEqual(make(CAMPAIGN + 1));
});

test('taking a file apart and putting it together changes nothing', async () => {
  const { model } = await tinyModel('tiny-llama-bpe');
  const bytes = await readFile(model);
  const { tensors } = await readGguf(model);
  expect(encodeRawGguf(parseRawGguf(bytes, tensors)).equals(bytes)).toBe(true);
});

describe('the engine process', () => {
  test('refuses a hostile model with its code', async () => {
    const path = join(folder, 'hostile.gguf');
    await writeFile(path, Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(100, 0xff)]));
    await expect(EngineGenerator.start({ model: path })).rejects.toMatchObject({ code: 'GGUF_INVALID' });
  });

  test('takes no more memory than was planned, where the system can see to it', async () => {
    await using child = await ChildProcess.start<LimitedProtocol>(new URL('children/limited.ts', import.meta.url));
    const gigabytes = (count: number): { bytes: number } => ({ bytes: count * 2 ** 30 });
    await child.request('limit', gigabytes(1));
    expect(await child.request('allocate', gigabytes(2))).toBe(true);
    expect(await child.request('allocate', gigabytes(4))).toBe(process.platform !== 'linux');
    await child.request('limit', gigabytes(2));
    expect(await child.request('allocate', gigabytes(4))).toBe(true);
  });
});
