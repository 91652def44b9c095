import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MlflowSettings } from '../../src/tracking/mlflow/mlflow-settings.js';
import { Spool } from '../../src/tracking/mlflow/spool.js';
import { syncSpool } from '../../src/tracking/mlflow/sync-spool.js';
import { planToMlflowRun, toMlflowRun } from '../../src/tracking/mlflow/to-mlflow-run.js';
import type { MlflowRun } from '../../src/tracking/mlflow/mlflow-run.js';
import { FakeMlflow, type FakeRun } from './support/fake-mlflow.js';
import { type Fault, FaultProxy } from './support/fault-proxy.js';
import { sampleRecord } from './support/sample-record.js';

/** Two batches with the rest of the record. */
const POINTS = 1100;
const experiment = 'an experiment';

let home: string;
let mlflow: FakeMlflow;
let proxy: FaultProxy;
let spool: Spool;
let settings: MlflowSettings;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'edgevlm-spool-'));
  spool = new Spool(join(home, 'spool'));
  mlflow = await FakeMlflow.start();
  proxy = await FaultProxy.start(mlflow.url);
  settings = { server: new URL(proxy.url), insecureTls: false, timeout_ms: 5000 };
});
afterEach(async () => {
  await proxy.close();
  await mlflow.close();
  await rm(home, { recursive: true });
});

async function spooled(points = POINTS, more: Partial<Parameters<typeof toMlflowRun>[1]> = {}): Promise<MlflowRun> {
  const run = toMlflowRun(sampleRecord(points), { server: settings.server, experiment, send: new Set(), ...more });
  await spool.add(run);
  return run;
}

/** What the server has is what was to be sent: nothing is missing, nothing is there twice. */
function expectComplete(run: MlflowRun, parts: Partial<FakeRun> = {}): void {
  const runs = mlflow.runs.filter(({ deleted, tags }) => !deleted && tags.get('edgevlm.run') === run.key);
  expect(runs).toHaveLength(1);
  const [remote] = runs;
  expect(remote).toMatchObject({ status: 'FINISHED', endTime: run.endTime, ...parts });
  const order = (points: MlflowRun['metrics']): string[] =>
    points.map(({ key, step, timestamp, value }) => `${key} ${step} ${timestamp} ${value}`).sort();
  expect(order([...(remote?.points ?? [])])).toEqual(order(run.metrics));
  expect([...(remote?.params ?? [])]).toEqual(run.params.map(({ key, value }) => [key, value]));
  for (const { key, value } of run.tags) expect(remote?.tags.get(key)).toBe(value);
  for (const { path, text } of run.artifacts)
    expect(mlflow.artifacts.get(`${remote?.experimentId ?? ''}/${remote?.id ?? ''}/artifacts/${path}`)?.toString()).toBe(text);
}

describe('a run in the spool', () => {
  it('is sent within the limits and leaves nothing behind', async () => {
    const run = await spooled();
    const { sent, failed } = await syncSpool(spool, settings);
    expect(failed).toEqual([]);
    expect(sent).toMatchObject([{ key: run.key, runId: mlflow.runs[0]?.id, warnings: [] }]);
    expectComplete(run);
    expect(await readdir(spool.directory)).toEqual([]);
    expect(mlflow.seen.map((call) => call.replace(/^.*?(mlflow|artifacts)\//, ''))).toEqual([
      'experiments/get-by-name',
      'experiments/create',
      'runs/search',
      'runs/create',
      'runs/log-batch',
      'runs/log-batch',
      expect.stringMatching(/benchmark_results\.json$/),
      'runs/update',
    ]);
  });

  const REQUESTS = Array.from({ length: 8 }, (_, index) => index);
  describe.each<Fault>(['lost', 'unanswered', 'error', 'silent'])('whose request is %s', (fault) => {
    it.each(REQUESTS)('at request %i is kept, and sent later without anything lost or doubled', async (broken) => {
      if (fault === 'silent') settings = { ...settings, timeout_ms: 200 };
      const run = await spooled();
      proxy.fault = (index) => (index === broken ? fault : 'none');
      const first = await syncSpool(spool, settings, { retries: 0 });
      expect(first.failed).toMatchObject([{ key: run.key, error: { code: 'MLFLOW_AWAY' } }]);
      expect(await spool.keys()).toEqual([run.key]);
      expect((await spool.progress(run.key, run.server)).failure?.code).toBe('MLFLOW_AWAY');
      expect((await syncSpool(spool, { ...settings, timeout_ms: 30_000 }, { retries: 0 })).failed).toEqual([]);
      expectComplete(run);
      expect(await readdir(spool.directory)).toEqual([]);
    });
  });

  it('gets through a line that breaks again and again', async () => {
    const run = await spooled();
    proxy.fault = (index) => (index % 6 === 5 ? 'unanswered' : 'none');
    expect(await syncSpool(spool, settings, { retries: 20, backoff_ms: 1 })).toMatchObject({ sent: [{ key: run.key }], failed: [] });
    expectComplete(run);
  });

  it('is one run even when its creation comes through after it was given up', async () => {
    const run = await spooled(10);
    let release: () => void = () => undefined;
    const second = new Promise<void>((resolve) => (release = resolve));
    let creations = 0;
    proxy.fault = async (): Promise<Fault> => {
      if (mlflow.seen.at(-1)?.endsWith('runs/search') !== true) return 'none';
      // The server hears of the first creation when the second one is through.
      if (creations++ === 0) await second;
      return 'none';
    };
    proxy.afterAnswer = () => {
      if (mlflow.runs.length === 1) release();
    };
    settings = { ...settings, timeout_ms: 300 };
    const report = await syncSpool(spool, settings, { retries: 3, backoff_ms: 1 });
    expect(report.failed).toEqual([]);
    expect(mlflow.runs).toHaveLength(2);
    expectComplete(run);
  });

  it('is completed and not doubled when it was sent before and is sent again', async () => {
    const run = await spooled();
    await syncSpool(spool, settings);
    await spooled();
    // As one whose points were removed: what is missing is sent, what is there is not.
    const lost = mlflow.runs[0]?.points.splice(500, 500) ?? [];
    await spool.add(run);
    await syncSpool(spool, settings);
    expect(lost).toHaveLength(500);
    expectComplete(run);
  });

  it('keeps the params the server has, and says so', async () => {
    await spooled(10);
    await syncSpool(spool, settings);
    const named = toMlflowRun(sampleRecord(10), { server: settings.server, experiment, send: new Set(['names']) });
    const [first] = mlflow.runs;
    await spool.add({ ...named, key: first?.tags.get('edgevlm.run') ?? '' });
    const { sent } = await syncSpool(spool, settings);
    expect(sent[0]?.warnings).toEqual([expect.stringMatching(/^image_dir keeps the value/)]);
    expect(first?.params.get('dataset.name')).toBe('ward 7');
  });

  it('is made anew when it was deleted on the server half way', async () => {
    const run = await spooled();
    proxy.fault = (index) => (index === 5 ? 'error' : 'none');
    await syncSpool(spool, settings, { retries: 0 });
    for (const remote of mlflow.runs) remote.deleted = true;
    const { sent } = await syncSpool(spool, settings);
    expect(sent[0]?.warnings).toEqual([expect.stringContaining('made anew')]);
    expectComplete(run);
  });

  it('restores its experiment when that was deleted', async () => {
    mlflow.experiments.set(experiment, { id: '1', deleted: true });
    const run = await spooled(10);
    await syncSpool(spool, settings);
    expect(mlflow.experiments.get(experiment)?.deleted).toBe(false);
    expectComplete(run);
  });

  it('goes to the server it was meant for and, only on request, to another', async () => {
    const run = await spooled(10, { server: new URL('http://mlflow.example/') });
    expect(await syncSpool(spool, settings)).toMatchObject({
      sent: [],
      failed: [],
      others: [{ key: run.key, server: 'http://mlflow.example/' }],
    });
    expect(mlflow.seen).toEqual([]);
    expect((await syncSpool(spool, settings, { anyServer: true })).sent).toHaveLength(1);
    expectComplete(run);
  });

  it('says when the server does not take files, and logs the rest', async () => {
    mlflow.artifactRoot = 's3://bucket/';
    await spooled(10);
    const { sent } = await syncSpool(spool, settings);
    expect(sent[0]?.warnings).toEqual([expect.stringContaining('its artifact root is s3://bucket/')]);
    expect(mlflow.runs[0]).toMatchObject({ status: 'FINISHED' });
    expect(mlflow.runs[0]?.tags.get('edgevlm.artifacts')).toContain('benchmark_results.json is not sent');
  });

  it.each(['mlflow-artifacts://elsewhere.example/', 'http://elsewhere.example/api/2.0/mlflow-artifacts/artifacts/'])(
    'sends no file to another host: %s',
    async (root) => {
      mlflow.artifactRoot = root;
      await spooled(10);
      expect((await syncSpool(spool, settings)).sent[0]?.warnings).toEqual([expect.stringContaining('not sent')]);
      expect(mlflow.artifacts.size).toBe(0);
    },
  );
});

it('cells of a plan are children of one run, which ends with the plan', async () => {
  const plan = { key: 'plan-0123abcd', name: 'precisions of shapes' };
  const cells = await Promise.all([spooled(10, { plan }), spooled(20, { plan })]);
  const times = { startTime_ms: 1_000, endTime_ms: 2_000 };
  const whole = planToMlflowRun({ ...plan, ...times }, { server: settings.server, experiment });
  await spool.add(whole);
  expect((await syncSpool(spool, settings)).failed).toEqual([]);
  const parent = mlflow.runs.find(({ tags }) => tags.get('edgevlm.run') === plan.key);
  expect(parent).toMatchObject({ status: 'FINISHED', endTime: 2_000 });
  for (const cell of cells) {
    expectComplete(cell);
    expect(mlflow.runs.find(({ tags }) => tags.get('edgevlm.run') === cell.key)?.tags.get('mlflow.parentRunId')).toBe(parent?.id);
  }
  expect(mlflow.runs).toHaveLength(3);
});

it('a run that the server refuses does not hold up the others', async () => {
  const bad = await spooled(10);
  await spool.add({ ...bad, params: [{ key: 'a', value: 'x'.repeat(7000) }] });
  const good = await spooled(20);
  const { sent, failed } = await syncSpool(spool, settings);
  expect(failed).toMatchObject([{ key: bad.key, error: { code: 'MLFLOW_REFUSED' } }]);
  expect(sent.map(({ key }) => key)).toEqual([good.key]);
  expect(await spool.keys()).toEqual([bad.key]);
});

it('only one process sends', async () => {
  const run = await spooled();
  const [first, second] = await Promise.allSettled([syncSpool(spool, settings), syncSpool(spool, settings)]);
  expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
  expect([first, second].find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'MLFLOW_BUSY' } });
  expectComplete(run);
});

it('Ctrl-C leaves the rest for later', async () => {
  const run = await spooled();
  const interrupt = new AbortController();
  proxy.afterAnswer = (index) => {
    if (index === 4) interrupt.abort();
  };
  expect((await syncSpool(spool, settings, { signal: interrupt.signal })).failed).toMatchObject([{ error: { code: 'CANCELLED' } }]);
  expect((await syncSpool(spool, settings)).failed).toEqual([]);
  expectComplete(run);
});
