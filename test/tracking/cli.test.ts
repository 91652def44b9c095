import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RunRecord } from '../../src/core/run-record.js';
import { RunStore } from '../../src/tracking/files/run-store.js';
import { type CliResult, runCli } from '../cli/run-cli.js';
import { FakeMlflow } from './support/fake-mlflow.js';
import { sampleRecord } from './support/sample-record.js';

// Some start the command line ten times, on machines that are busy.
vi.setConfig({ testTimeout: 300_000 });

let home: string;
let mlflow: FakeMlflow;
let first: RunRecord;
let second: RunRecord;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'edgevlm-runs-'));
  mlflow = await FakeMlflow.start();
  first = sampleRecord(3, { command: 'eval scenes' }, '2030-01-01T00:00:00.000Z');
  second = sampleRecord(4, {}, '2030-02-01T00:00:00.000Z');
  const store = new RunStore(join(home, 'runs'));
  await store.save(first);
  await store.save(second);
});
afterEach(async () => {
  await mlflow.close();
  await rm(home, { recursive: true });
});

const cli = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> =>
  runCli(args, { cwd: home, env: { MLFLOW_TRACKING_URI: '', ...env } });
const lines = ({ stdout }: CliResult): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

it('runs are listed, shown, exported and removed', async () => {
  expect(lines(await cli(['runs', 'list', '--json']))).toMatchObject([{ id: first.id }, { id: second.id }]);
  expect((await cli(['runs', 'list', '--scenario', 'vlm'])).stdout).toMatch(
    new RegExp(`^id .*\\n${second.id}  2030-02-01 00:00  bench vlm .*\\n$`),
  );
  expect(lines(await cli(['runs', 'show', 'latest', '--json']))).toEqual([second]);
  expect((await cli(['runs', 'show', first.id.slice(0, 12)])).stdout).toContain('# eval scenes, 2030-01-01 00:00 UTC');
  expect(JSON.parse((await cli(['runs', 'export'])).stdout)).toEqual([first, second]);
  expect((await cli(['runs', 'export', '--format', 'csv', 'latest'])).stdout).toContain(`${second.id},2030-02-01T00:00:00.000Z,bench vlm,`);
  expect(await cli(['runs', 'export', '--format', 'md', '--out', 'runs.md'])).toMatchObject({
    code: 0,
    stdout: '2 runs are in runs.md\n',
  });
  expect(await readFile(join(home, 'runs.md'), 'utf8')).toMatch(/^\| caption\.object_f1 +\|/m);
  expect((await cli(['runs', 'export', '--format', 'html', '--out', 'runs.html'])).code).toBe(0);
  expect(await readFile(join(home, 'runs.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg [\s\S]*<\/html>\s*$/);
  expect(await cli(['runs', 'rm', first.id, 'absent'])).toMatchObject({ code: 65, stdout: `${first.id} removed\n` });
  expect(lines(await cli(['runs', 'list', '--json']))).toMatchObject([{ id: second.id }]);
});

it.each<[args: string[], code: number, message: string]>([
  [['runs', 'show', 'absent'], 65, 'FILE_NOT_FOUND'],
  [['runs', 'show', '20300'], 64, 'the ids of 2 runs start with 20300'],
  [['runs', 'export', '--model', 'gpt'], 65, 'FILE_NOT_FOUND'],
  [['runs', 'list', '--since', 'yesterday'], 64, 'Expected a date'],
  [['mlflow', 'sync'], 64, 'MLFLOW_TRACKING_URI is not set'],
  [['mlflow', 'log', 'latest', '--mlflow-send', 'faces'], 64, 'Expected some of names'],
  [['mlflow', 'drop', 'absent'], 65, 'FILE_NOT_FOUND'],
])('%j ends with %i: %s', async (args, code, message) => {
  const result = await cli(args);
  expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
});

it('a run is logged under the names asked for, and not twice', async () => {
  const env = { MLFLOW_TRACKING_URI: mlflow.url };
  const logged = await cli(['mlflow', 'log', 'latest', '--mlflow-experiment', 'wards', '--mlflow-send', 'names,notes', '--json'], env);
  expect(lines(logged)).toMatchObject([
    { run: second.id, sent: true, url: `${mlflow.url}#/experiments/1/runs/${mlflow.runs[0]?.id ?? ''}` },
  ]);
  expect(mlflow.received).toContain('one picture could not be read');
  expect(mlflow.received).not.toContain('What is it?');
  expect(mlflow.runs[0]?.params.get('image_dir')).toBe('/ward 7/images');
  const points = mlflow.runs[0]?.points.length;
  expect((await cli(['mlflow', 'log', second.id, '--mlflow-experiment', 'wards', '--mlflow-send', 'names,notes'], env)).code).toBe(0);
  expect(mlflow.runs.map((run) => run.points.length)).toEqual([points]);
});

it('without leave nothing of the data is sent: no name, no prompt, no note', async () => {
  expect((await cli(['mlflow', 'log', 'latest'], { MLFLOW_TRACKING_URI: mlflow.url })).code).toBe(0);
  for (const secret of ['ward 7', 'What is it?', 'one picture']) expect(mlflow.received).not.toContain(secret);
  expect([...mlflow.experiments.keys()]).toEqual(['mobile_vlm_benchmark']);
});

it('a wrong password is told with what to do, in no output, and the run waits for the right one', async () => {
  mlflow.authorization = `Basic ${btoa('ada:right')}`;
  const env = { MLFLOW_TRACKING_URI: mlflow.url, MLFLOW_TRACKING_USERNAME: 'ada' };
  const wrong = await cli(['mlflow', 'log', 'latest', '--json', '--log-level', 'debug'], { ...env, MLFLOW_TRACKING_PASSWORD: 'wr0ng' });
  expect([wrong.code, wrong.stderr]).toEqual([69, expect.stringMatching(/MLFLOW_REFUSED.*401[\s\S]*MLFLOW_TRACKING_PASSWORD/)]);
  expect(wrong.stdout + wrong.stderr).not.toContain('wr0ng');
  const status = await cli(['mlflow', 'status', '--json'], { ...env, MLFLOW_TRACKING_PASSWORD: 'wr0ng' });
  expect(lines(status)).toMatchObject([
    { server: mlflow.url, answers: false },
    { run: second.id, failure: { code: 'MLFLOW_REFUSED' } },
  ]);
  expect((await cli(['mlflow', 'sync'], { ...env, MLFLOW_TRACKING_PASSWORD: 'right' })).code).toBe(0);
  expect(mlflow.runs).toHaveLength(1);
});

it('while the server is away a run waits, and may be dropped', async () => {
  const env = { MLFLOW_TRACKING_URI: 'http://127.0.0.1:9/' };
  expect(await cli(['mlflow', 'log', 'latest'], env)).toMatchObject({
    code: 69,
    stderr: expect.stringMatching(/MLFLOW_AWAY.*ECONNREFUSED[\s\S]*edgevlm mlflow sync/) as string,
  });
  expect((await cli(['mlflow', 'status'])).stdout).toContain(`${second.id} waits for http://127.0.0.1:9/`);
  expect((await cli(['mlflow', 'sync'], { MLFLOW_TRACKING_URI: mlflow.url })).stderr).toContain('--any sends it');
  expect(await cli(['mlflow', 'drop', second.id])).toMatchObject({ code: 0, stdout: `${second.id} will not be sent\n` });
  expect((await cli(['mlflow', 'status'])).stderr).toContain('nothing waits');
});
