import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePlan } from '../../src/bench/plans/parse-plan.js';
import { loggedPlan } from '../../src/cli/run-log.js';
import type { CellStatus } from '../../src/core/plan-cell.js';
import { parseRunRecord, type RunRecord } from '../../src/core/run-record.js';
import { writeScenes } from '../../src/data/scenes/write-scenes.js';
import { planToMlflowRun, toMlflowRun } from '../../src/tracking/mlflow/to-mlflow-run.js';
import { type CliResult, runCli, startCli } from '../cli/run-cli.js';
import { hasPython, testPython } from '../runtimes/support/python-environment.js';
import { FaultProxy } from '../tracking/support/fault-proxy.js';
import { MlflowReader } from '../tracking/support/mlflow-reader.js';
import { canInstallMlflow, installMlflow, RealMlflow } from '../tracking/support/real-mlflow.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/shapes-f16.gguf', import.meta.url));
const LLAMA_SERVER = process.env['EDGEVLM_TEST_LLAMA_SERVER'];
const EXPERIMENT = 'mobile_vlm_benchmark';
const PICTURES = 4;

/** Everything that can run the model in the box; libllama alone reads no pictures, so that its cell is one that fails. */
const CELLS = [
  '{ runtime: engine, quantization: none }',
  '{ runtime: engine, quantization: int8 }',
  '{ runtime: engine, quantization: int4 }',
  '{ runtime: llama-cpp }',
  '{ runtime: transformers-js, quantization: int8 }',
  ...(LLAMA_SERVER === undefined ? [] : [`{ runtime: llama-server, llama_server: ${JSON.stringify(LLAMA_SERVER)} }`]),
  ...(hasPython() ? ['{ runtime: python }'] : []),
];

interface Row {
  readonly status: CellStatus;
  readonly resumed: boolean;
  readonly runId?: string;
  readonly cell: { readonly settings: Readonly<Record<string, unknown>> };
  readonly error?: { readonly code: string };
}

// A newcomer may have no Python; in CI it must be there.
describe.skipIf(process.env['CI'] === undefined && !canInstallMlflow())('against a real MLflow server, one plan', () => {
  let home = '';
  let plan = '';
  let mlflow: RealMlflow;
  let proxy: FaultProxy;
  let env: Record<string, string> = {};
  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'edgevlm-proof-'));
    await writeScenes({ out: path.join(home, 'scenes'), count: PICTURES, seed: 5, split: 'test', style: 'rich' });
    plan = path.join(home, 'plan.yaml');
    const common = { model: SHAPES, image_dir: path.join(home, 'scenes'), samples: PICTURES, threads: 1, logit_pictures: 2 };
    const cells = CELLS.map((settings) => `  - { scenario: vlm, settings: ${settings} }`).join('\n');
    await writeFile(plan, `name: proof\nscenario: vlm\norder: given\nsettings: ${JSON.stringify(common)}\ncells:\n${cells}\n`);
    await installMlflow();
    await mkdir(path.join(home, 'server'));
    mlflow = await RealMlflow.start(path.join(home, 'server'));
    proxy = await FaultProxy.start(mlflow.url);
    env = { MLFLOW_TRACKING_URI: proxy.url, ...(hasPython() && { EDGEVLM_PYTHON: await testPython() }) };
  }, 900_000);
  afterAll(async () => {
    await proxy.close();
    await mlflow.kill();
    await rm(home, { recursive: true });
  });

  const command = (): string[] => ['bench', 'plan', plan, '--json'];
  const rowsOf = ({ stdout }: CliResult): Row[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
  const records = async (): Promise<RunRecord[]> => {
    const names = (await readdir(path.join(home, 'runs'))).filter((name) => name.endsWith('.json'));
    return Promise.all(names.map(async (name) => parseRunRecord(await readFile(path.join(home, 'runs', name), 'utf8'), name)));
  };
  /** Runs the plan, kills it as soon as it has told of so many cells. */
  async function killedAfter(cells: number): Promise<void> {
    const child: ChildProcess = startCli(command(), { cwd: home, env });
    child.stderr?.resume();
    const closed = once(child, 'close');
    if (child.stdout === null) throw new Error('no output');
    let told = 0;
    for await (const line of createInterface(child.stdout)) if (line !== '' && ++told === cells) child.kill('SIGKILL');
    await closed;
    expect([child.signalCode, told]).toEqual(['SIGKILL', cells]);
  }

  it(
    'killed twice, its server stopped in the middle, it loses no point and doubles none; speed stands beside quality and parity',
    { timeout: 1_200_000 },
    async () => {
      await killedAfter(1);
      expect(await records()).toHaveLength(1);

      // The second time while points are on their way: the first cell's run is there again, that of the second is made, and then …
      const start = proxy.count;
      const sending = startCli(command(), { cwd: home, env });
      sending.stdout?.resume();
      sending.stderr?.resume();
      const dead = once(sending, 'close');
      const wasThere = new Set((await records()).map(({ id }) => id));
      proxy.afterAnswer = async (index) => {
        const isNew = (await records()).some(({ id }) => !wasThere.has(id));
        if (index < start + 2 || !isNew || sending.killed) return;
        sending.kill('SIGKILL');
        await dead;
      };
      await dead;
      proxy.afterAnswer = () => undefined;
      expect(sending.signalCode).toBe('SIGKILL');
      expect(await records()).toHaveLength(2);

      // Now the server goes as soon as it has heard of another cell.
      const known = new Set((await records()).map(({ id }) => id));
      let isAway = false;
      proxy.afterAnswer = async () => {
        if (isAway || (await records()).every(({ id }) => known.has(id))) return;
        isAway = true;
        await mlflow.kill();
      };
      const finished = await runCli(command(), { cwd: home, env });
      proxy.afterAnswer = () => undefined;
      expect(isAway).toBe(true);
      expect(finished.stderr).toMatch(/^warning: MLflow does not have .* yet/m);
      const rows = rowsOf(finished);
      expect(rows.map(({ status, resumed }) => `${status}${resumed ? ' earlier' : ''}`)).toEqual([
        ...['ok earlier', 'ok earlier', 'ok', 'load_error', 'ok'],
        ...CELLS.slice(5).map(() => 'ok'),
      ]);
      expect(rows[3]?.error?.code).toBe('MODEL_UNSUPPORTED');
      expect(finished.code, finished.stderr).not.toBe(0);

      const all = await records();
      expect(all.map(({ id }) => id).sort()).toEqual(rows.flatMap(({ runId }) => runId ?? []).sort());
      expect((await runCli(['mlflow', 'sync'], { cwd: home, env })).code).toBe(69);
      await mlflow.start();
      const synced = await runCli(['mlflow', 'sync'], { cwd: home, env });
      expect(synced.code, synced.stderr).toBe(0);
      await expectAllThere(all);

      // Once more: nothing is measured again, nothing is sent again but the cell that failed is tried.
      const again = rowsOf(await runCli(command(), { cwd: home, env }));
      expect(again.map(({ runId }) => runId)).toEqual(rows.map(({ runId }) => runId));
      expect(again.every(({ status, resumed }) => resumed === (status === 'ok'))).toBe(true);
      await expectAllThere(await records());
      expect(await readdir(path.join(home, 'spool/mlflow'))).toEqual([]);

      const byRuntime = new Map(all.map((record) => [cellName(record), record]));
      for (const [name, { scores, summary, verdicts }] of byRuntime) {
        expect(summary['latency_ms']?.n, name).toBe(PICTURES);
        const parity = verdicts.find((verdict) => verdict.name === 'parity:answers');
        if (name === 'engine none') expect(parity).toBeUndefined();
        else
          expect(['pass', ...(name.includes('int') ? ['inconclusive'] : [])], `${name}: ${parity?.detail ?? ''}`).toContain(
            parity?.outcome,
          );
        expect(scores?.find((score) => score.name === 'caption.object_f1')?.value, name).toBeGreaterThan(0.5);
        const logits = verdicts.find((verdict) => verdict.name === 'parity:logits');
        if (name === 'engine none' || name.startsWith('llama-server')) expect(logits).toBeUndefined();
        else
          expect(['pass', ...(name.includes('int') ? ['inconclusive'] : [])], `${name}: ${logits?.detail ?? ''}`).toContain(
            logits?.outcome,
          );
      }
    },
  );

  /** One run of the plan, a child for each record, and nothing else; every point, param and file is there once. */
  async function expectAllThere(all: readonly RunRecord[]): Promise<void> {
    const server = new MlflowReader(mlflow.url, EXPERIMENT);
    const send = new Set<never>();
    const { key, name } = loggedPlan(parsePlan(await readFile(plan, 'utf8'), plan), {
      mlflow: true,
      mlflowExperiment: EXPERIMENT,
      mlflowSend: send,
    });
    const to = { server: new URL(proxy.url), experiment: EXPERIMENT };
    const parent = await server.expectComplete(planToMlflowRun({ key, name, startTime_ms: 0, endTime_ms: 0 }, to));
    for (const record of all) {
      const run = toMlflowRun(record, { ...to, send, plan: { key, name } });
      const { data } = await server.expectComplete(run);
      expect(data.tags).toContainEqual({ key: 'mlflow.parentRunId', value: parent.info.run_id });
      const params = Object.fromEntries((data.params ?? []).map((param) => [param.key, param.value]));
      expect(params).toMatchObject({ model_name: 'shapes-f16.gguf', device: 'cpu', num_samples: String(PICTURES) });
      const metrics = new Set(data.metrics?.map((metric) => metric.key));
      const wanted = ['load_time_seconds', 'inference_latency_ms', 'tokens_per_second', 'samples/ttft_ms', 'scores/caption.object_f1'];
      for (const metric of [...wanted, 'resources/cpu.cores', 'generator/eventLoopDelay_ms.p99']) expect(metrics).toContain(metric);
      expect(run.artifacts.map((artifact) => artifact.path)).toEqual(['benchmark_results.json']);
    }
    expect(await server.runs()).toHaveLength(all.length + 1);
  }
});

function cellName({ settings: { effective } }: RunRecord): string {
  return `${String(effective['runtime'])} ${String(effective['quantization'])}`;
}
