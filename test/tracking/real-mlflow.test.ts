import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MlflowRun } from '../../src/tracking/mlflow/mlflow-run.js';
import { Spool } from '../../src/tracking/mlflow/spool.js';
import { syncSpool } from '../../src/tracking/mlflow/sync-spool.js';
import { type LogOptions, planToMlflowRun, toMlflowRun } from '../../src/tracking/mlflow/to-mlflow-run.js';
import { runCli, startCli } from '../cli/run-cli.js';
import { FaultProxy } from './support/fault-proxy.js';
import { MlflowReader } from './support/mlflow-reader.js';
import { canInstallMlflow, installMlflow, RealMlflow } from './support/real-mlflow.js';
import { sampleRecord } from './support/sample-record.js';

const experiment = 'mobile_vlm_benchmark';
const POINTS = 2500;

// A newcomer may have no Python; in CI it must be there.
describe.skipIf(process.env['CI'] === undefined && !canInstallMlflow())('against a real MLflow server', () => {
  let home: string;
  let mlflow: RealMlflow;
  let proxy: FaultProxy;
  let spool: Spool;
  let server: MlflowReader;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'edgevlm-mlflow-'));
    spool = new Spool(join(home, 'spool', 'mlflow'));
    await installMlflow();
    await mkdir(join(home, 'server'));
    mlflow = await RealMlflow.start(join(home, 'server'));
    proxy = await FaultProxy.start(mlflow.url);
    server = new MlflowReader(mlflow.url, experiment);
  }, 900_000);
  afterAll(async () => {
    await proxy.close();
    await mlflow.kill();
    await rm(home, { recursive: true });
  });

  const settings = (): Parameters<typeof syncSpool>[1] => ({ server: new URL(proxy.url), insecureTls: false, timeout_ms: 30_000 });

  async function spooled(points: number, more: Partial<LogOptions> = {}): Promise<MlflowRun> {
    const run = toMlflowRun(sampleRecord(points), { server: new URL(proxy.url), experiment, send: new Set(), ...more });
    await spool.add(run);
    return run;
  }

  it('a run arrives as it was sent, under the names of the seed', { timeout: 120_000 }, async () => {
    const run = await spooled(20);
    expect((await syncSpool(spool, settings())).failed).toEqual([]);
    const { data } = await server.expectComplete(run);
    const params = new Map(data.params?.map(({ key, value }) => [key, value]));
    const expected = { model_name: 'shapes-q8_0.gguf', device: 'cpu', quantization: 'int8', num_samples: '20' };
    expect(Object.fromEntries(params)).toMatchObject({ ...expected, image_dir: `sha256:${'b'.repeat(16)}` });
    const metrics = new Set(data.metrics?.map(({ key }) => key));
    for (const key of ['load_time_seconds', 'inference_latency_ms', 'tokens_per_second']) expect(metrics).toContain(key);
  });

  it('killed again and again in the middle, nothing is lost or doubled', { timeout: 300_000 }, async () => {
    const run = await spooled(POINTS);
    const options = { cwd: home, env: { MLFLOW_TRACKING_URI: proxy.url } };
    let kills = 0;
    // Each start gets two requests further than the one before: through making the run and every batch to the file and the end.
    for (let reach = 1; (await spool.keys()).length > 0; reach += 2) {
      const child = startCli(['mlflow', 'sync'], options);
      child.stdout?.resume();
      child.stderr?.resume();
      const closed = once(child, 'close');
      const start = proxy.count;
      proxy.afterAnswer = async (index) => {
        if (index !== start + reach) return;
        child.kill('SIGKILL');
        await closed;
      };
      await closed;
      if (child.signalCode === 'SIGKILL') kills++;
      else expect(child.exitCode).toBe(0);
    }
    proxy.afterAnswer = () => undefined;
    expect(kills).toBeGreaterThanOrEqual(3);
    await server.expectComplete(run);
  });

  it('when the server dies in the middle, what waits is sent once it is back', { timeout: 300_000 }, async () => {
    const first = await spooled(POINTS);
    const second = await spooled(30);
    const start = proxy.count;
    proxy.afterAnswer = async (index) => {
      // The run is made and its first batch is there.
      if (index === start + 3) await mlflow.kill();
    };
    const away = await syncSpool(spool, settings(), { retries: 1, backoff_ms: 10 });
    proxy.afterAnswer = () => undefined;
    expect(away.sent).toEqual([]);
    expect(away.failed.map(({ error }) => error.code)).toEqual(['MLFLOW_AWAY', 'MLFLOW_AWAY']);

    const options = { cwd: home, env: { MLFLOW_TRACKING_URI: proxy.url } };
    const status = await runCli(['mlflow', 'status', '--json'], options);
    expect(status.stdout).toContain('"answers":false');
    expect(status.stdout).toContain(first.key);

    await mlflow.start();
    expect((await runCli(['mlflow', 'sync'], options)).code).toBe(0);
    await server.expectComplete(first);
    await server.expectComplete(second);
    expect(await readdir(spool.directory)).toEqual([]);
  });

  it('cells of a plan are children of its run, even in an experiment that was deleted', { timeout: 120_000 }, async () => {
    const [any] = await server.runs((await spooledAndSent(5)).key);
    await server.ask('mlflow/experiments/delete', { experiment_id: any?.info.experiment_id });
    const plan = { key: 'plan-0123abcd', name: 'precisions of shapes' };
    const cells = [await spooled(10, { plan }), await spooled(20, { plan, status: 'FINISHED' })];
    const whole = planToMlflowRun({ ...plan, startTime_ms: 1_000, endTime_ms: 2_000 }, { server: new URL(proxy.url), experiment });
    await spool.add(whole);
    expect((await syncSpool(spool, settings())).failed).toEqual([]);
    const parent = await server.expectComplete(whole);
    for (const cell of cells) {
      const { data } = await server.expectComplete(cell);
      expect(data.tags).toContainEqual({ key: 'mlflow.parentRunId', value: parent.info.run_id });
    }
  });

  it("what does not fit MLflow's limits arrives cut or renamed, and says so", { timeout: 120_000 }, async () => {
    const settingsOfRecord = { requested: {}, effective: { ['k'.repeat(300)]: 1, 'größe: α//β': 2, order: 'é'.repeat(4000) } };
    const samples = Array.from({ length: 10 }, (_, index) => ({ name: `list ${index}: /../x`, unit: 'ms', values: [index] }));
    const record = sampleRecord(1, { settings: settingsOfRecord, samples });
    const run = toMlflowRun(record, { server: new URL(proxy.url), experiment, send: new Set(['names']) });
    await spool.add(run);
    const { sent, failed } = await syncSpool(spool, settings());
    expect(failed).toEqual([]);
    expect(sent[0]?.warnings).toContainEqual(expect.stringContaining('settings.order is cut to 5000 of 8000 bytes'));
    const { data } = await server.expectComplete(run);
    expect(data.params?.find(({ key }) => key === 'settings.order')?.value).toMatch(/… \(cut, 8000 bytes\)$/);
    expect(data.tags?.find(({ key }) => key === 'edgevlm.changed_to_fit')?.value).toContain('settings.order');
  });

  async function spooledAndSent(points: number): Promise<MlflowRun> {
    const run = await spooled(points);
    await syncSpool(spool, settings());
    return run;
  }
});
