import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Spool } from '../../src/tracking/mlflow/spool.js';
import { toMlflowRun } from '../../src/tracking/mlflow/to-mlflow-run.js';
import { runCli, startCli } from '../cli/run-cli.js';
import { FakeMlflow } from './support/fake-mlflow.js';
import { FaultProxy } from './support/fault-proxy.js';
import { sampleRecord } from './support/sample-record.js';

vi.setConfig({ testTimeout: 120_000 });

let home: string;
let mlflow: FakeMlflow;
let proxy: FaultProxy;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'edgevlm-kill-'));
  mlflow = await FakeMlflow.start();
  proxy = await FaultProxy.start(mlflow.url);
});
afterEach(async () => {
  await proxy.close();
  await mlflow.close();
  await rm(home, { recursive: true });
});

// 1100 points make two batches, so these are: find and make the experiment, look for the run, make it, two batches, the file, the end.
it.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'killed when the server has done request %i and before it can know, a sync loses and doubles nothing',
  async (at) => {
    const spool = new Spool(join(home, 'spool', 'mlflow'));
    const run = toMlflowRun(sampleRecord(1100), { server: new URL(proxy.url), experiment: 'killed', send: new Set() });
    await spool.add(run);
    const options = { cwd: home, env: { MLFLOW_TRACKING_URI: proxy.url } };

    const child = startCli(['mlflow', 'sync'], options);
    child.stdout?.resume();
    child.stderr?.resume();
    const closed = once(child, 'close');
    proxy.afterAnswer = async (index) => {
      if (index !== at) return;
      child.kill('SIGKILL');
      await closed;
    };
    await closed;
    expect(child.signalCode).toBe('SIGKILL');
    expect(await spool.keys()).toEqual([run.key]);

    const again = await runCli(['mlflow', 'sync', '--json'], options);
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(JSON.parse(again.stdout)).toMatchObject({ run: run.key, sent: true, warnings: [] });
    expect(mlflow.runs).toHaveLength(1);
    expect(mlflow.runs[0]).toMatchObject({ status: 'FINISHED' });
    const identities = (points: typeof run.metrics): string[] => points.map(({ key, step, value }) => `${key} ${step} ${value}`).sort();
    expect(identities([...(mlflow.runs[0]?.points ?? [])])).toEqual(identities(run.metrics));
    expect([...mlflow.artifacts.values()].map(String)).toEqual([run.artifacts[0]?.text]);
    expect(await readdir(spool.directory)).toEqual([]);
  },
);
