import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { createRunRecord, type RunRecord } from '../../core/run-record.js';
import { RunStore } from './run-store.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'edgevlm-runs-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const nothing = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };

function record(): RunRecord {
  return createRunRecord({
    command: 'test',
    settings: { requested: {}, effective: {} },
    seeds: {},
    models: {},
    dataset: null,
    environment: {
      cpu: { model: null, architecture: 'x64', logicalCores: 2, physicalCores: null, flags: [], governor: null },
      memory_bytes: 1,
      os: 'test',
      kernel: 'test',
      node: process.version,
      edgevlm: null,
      commit: null,
    },
    thermal: { before: nothing, after: nothing },
    memory: {},
    samples: [{ name: 'step', unit: 'ms', values: [1, 2, 3] }],
    verdicts: [],
    notes: [],
  });
}

it('gives back a run as it was saved, and leaves nothing else in the folder', async () => {
  const store = new RunStore(path.join(directory, 'runs'));
  const saved = record();
  await store.save(saved);
  expect(await store.load(saved.id)).toEqual(saved);
  expect(await readdir(path.join(directory, 'runs'))).toEqual([`${saved.id}.json`]);
});

it('says which file is damaged or missing, and never leaves its folder', async () => {
  const store = new RunStore(directory);
  await writeFile(path.join(directory, 'broken.json'), '{"schemaVersion":');
  await expect(store.load('broken')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  await expect(store.load('absent')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  await expect(store.load('../secret')).rejects.toMatchObject({ code: 'USAGE' });
});
