import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleRecord } from '../../../test/tracking/support/sample-record.js';
import { NOTHING_SENT } from './cut-batch.js';
import { Spool } from './spool.js';
import { toMlflowRun } from './to-mlflow-run.js';

const SERVER = 'http://mlflow.example/';
const run = toMlflowRun(sampleRecord(3), { server: new URL(SERVER), experiment: 'e', send: new Set() });
const progress = { server: SERVER, creations: 1, runId: 'r', found: false, sent: { params: 1, tags: 2, metrics: 3 }, artifacts: ['a'] };

let directory: string;
let spool: Spool;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgevlm-spool-'));
  spool = new Spool(directory);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the spool', () => {
  it('gives back what was put in, until it is removed', async () => {
    expect(await new Spool(join(directory, 'absent')).keys()).toEqual([]);
    await spool.add(run);
    await spool.saveProgress(run.key, progress);
    expect(await spool.keys()).toEqual([run.key]);
    expect(await spool.load(run.key)).toEqual(run);
    expect(await spool.progress(run.key, SERVER)).toEqual(progress);
    expect([await spool.remove(run.key), await spool.remove(run.key)]).toEqual([true, false]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('knows nothing of what another server has, nor where its own notes are damaged', async () => {
    await spool.add(run);
    await spool.saveProgress(run.key, progress);
    expect(await spool.progress(run.key, 'http://other.example/')).toMatchObject({ creations: 0, sent: NOTHING_SENT, artifacts: [] });
    await writeFile(join(directory, `${run.key}.progress.json`), '{"server":');
    expect(await spool.progress(run.key, SERVER)).toMatchObject({ creations: 0, sent: NOTHING_SENT });
  });

  it('starts from the beginning with a run that is added again', async () => {
    await spool.add(run);
    await spool.saveProgress(run.key, progress);
    await spool.add(run);
    expect(await spool.progress(run.key, SERVER)).toMatchObject({ sent: NOTHING_SENT });
  });

  it('names a damaged file and never leaves its folder', async () => {
    await writeFile(join(directory, 'x.run.json'), '{');
    await writeFile(join(directory, 'y.run.json'), JSON.stringify(run));
    await expect(spool.load('x')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await expect(spool.load('y')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await expect(spool.load('../x')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('its lock', () => {
  const lock = (): string => join(directory, '.lock');
  const done = (): Promise<string> => Promise.resolve('done');

  it('is held while somebody works, and free afterwards, even after a failure', async () => {
    await spool.locked(async () => {
      await expect(spool.locked(done)).rejects.toMatchObject({
        code: 'MLFLOW_BUSY',
        message: expect.stringContaining(`${process.pid}`) as string,
      });
    });
    await expect(spool.locked(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await spool.locked(done)).toBe('done');
    expect(await readdir(directory)).toEqual([]);
  });

  it('does not outlive its holder', async () => {
    // No process has this number: it is beyond what Linux gives.
    await writeFile(lock(), `4194305 ${hostname()} x`);
    expect(await spool.locked(done)).toBe('done');
  });

  it('of another machine counts as long as it is touched', async () => {
    await writeFile(lock(), '1 another-host x');
    await expect(spool.locked(done)).rejects.toMatchObject({ code: 'MLFLOW_BUSY' });
    const long = new Date(Date.now() - 60_000);
    await utimes(lock(), long, long);
    expect(await spool.locked(done)).toBe('done');
  });
});
