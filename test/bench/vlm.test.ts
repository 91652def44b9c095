import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseRunRecord, type RunRecord } from '../../src/core/run-record.js';
import { writeScenes } from '../../src/data/scenes/write-scenes.js';
import { type CliResult, runCli, startCli } from '../cli/run-cli.js';
import { FakeMlflow } from '../tracking/support/fake-mlflow.js';

// Each loads a model, some six of them, on machines that are busy.
vi.setConfig({ testTimeout: 300_000 });

const SHAPES = fileURLToPath(new URL('../../models/shapes/shapes-f16.gguf', import.meta.url));
const PRIVATE_NAME = 'Anna-Mueller.png';

let home = '';
let scenes = '';
let mlflow: FakeMlflow;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'bench-vlm-'));
  scenes = path.join(home, 'scenes');
  await writeScenes({ out: scenes, count: 6, seed: 11, split: 'test', style: 'rich' });
  mlflow = await FakeMlflow.start();
});
afterAll(async () => {
  await mlflow.close();
  await rm(home, { recursive: true });
});

interface Results {
  readonly run: string;
  readonly partial: boolean;
  readonly params: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly scores: { readonly caption: { readonly object_f1: number } } | null;
  readonly samples: readonly { readonly status: string; readonly error?: string; readonly image?: string; readonly answer?: string }[];
  readonly cells: readonly {
    readonly status: string;
    readonly resumed?: boolean;
    readonly run?: string;
    readonly error?: { readonly code: string };
  }[];
}

const BENCH = ['bench', 'vlm', '--model', SHAPES, '--threads', '1', '--json'];
const bench = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> =>
  runCli([...BENCH, ...args], { cwd: home, env: { MLFLOW_TRACKING_URI: '', ...env } });
/** The last line: those before are items that failed. */
const resultsOf = (stdout: string): Results => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Results;
const stored = async (id: string): Promise<RunRecord> => parseRunRecord(await readFile(path.join(home, 'runs', `${id}.json`), 'utf8'), id);

/** A folder with names that must not leave it, one damaged picture and one that is none. */
async function clinic(): Promise<string> {
  const folder = await mkdtemp(path.join(home, 'clinic-'));
  for (const [at, name] of [PRIVATE_NAME, 'b.png', 'd.png'].entries())
    await cp(path.join(scenes, `images/00000${at}.png`), path.join(folder, name));
  const whole = await readFile(path.join(scenes, 'images/000003.png'));
  await writeFile(path.join(folder, 'c.png'), whole.subarray(0, whole.length / 2));
  await writeFile(path.join(folder, 'notes.jpg'), 'not a picture');
  return folder;
}

describe('bench vlm', () => {
  it('measures the model in the box, scores its answers, and writes results, record and report', async () => {
    const { code, stdout, stderr } = await bench(['--image-dir', scenes, '--samples', '4', '--out', 'made.json']);
    expect(code, stderr).toBe(0);
    const results = resultsOf(stdout);
    expect(results.params).toMatchObject({
      model_name: 'shapes-f16.gguf',
      device: 'cpu',
      quantization: 'none',
      num_samples: 4,
      runtime: 'engine',
    });
    const { load_time_seconds, inference_latency_ms, tokens_per_second, memory_mb, ttft_ms, rss_mb } = results.metrics;
    for (const figure of [load_time_seconds, inference_latency_ms, tokens_per_second, ttft_ms, rss_mb]) expect(figure).toBeGreaterThan(0);
    expect(memory_mb).toBeNull();
    expect(ttft_ms).toBeLessThan(inference_latency_ms ?? 0);
    expect(results.scores?.caption.object_f1).toBeGreaterThan(0.5);
    expect(JSON.parse(await readFile(path.join(home, 'benchmarks/benchmark_results.json'), 'utf8'))).toMatchObject({ run: results.run });
    expect(await readFile(path.join(home, 'made.md'), 'utf8')).toContain('first token (TTFT)');

    const record = await stored(results.run);
    expect(record).toMatchObject({ command: 'bench vlm', dataset: { items: 4 }, models: { model: { precision: 'F16' }, mmproj: {} } });
    expect(record.samples.find(({ name }) => name === 'latency_ms')).toMatchObject({ values: { length: 4 }, warmup: { length: 1 } });
    const latency = record.summary['latency_ms']?.mean ?? 0;
    const stages = Object.entries(record.summary).flatMap(([name, { mean }]) => (name.startsWith('stage.') ? [mean] : []));
    expect(stages.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(0.99 * latency);
    expect(JSON.stringify(record)).not.toMatch(/\.png|at the (top|bottom)/);
  });

  it('skips pictures that cannot be decoded, warns of them by name, and names none in what it writes', async () => {
    const folder = await clinic();
    const { code, stdout, stderr } = await bench(['--image-dir', folder, '--results', 'a.json', '--log-level', 'info']);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^warning: c\.png is skipped: IMAGE_CORRUPT/m);
    expect(stderr).toMatch(/^warning: notes\.jpg is skipped: IMAGE_UNSUPPORTED/m);
    const results = resultsOf(stdout);
    expect(results.metrics).toMatchObject({ pictures_answered: 3, pictures_skipped: 2, pictures_failed: 0 });
    expect(results.samples.map(({ status }) => status)).toEqual(['ok', 'ok', 'skipped', 'ok', 'skipped']);
    const record = await stored(results.run);
    for (const text of [JSON.stringify(record), await readFile(path.join(home, 'a.json'), 'utf8')]) expect(text).not.toContain('Anna');
    expect(record.verdicts[0]).toMatchObject({ name: 'pictures', outcome: 'inconclusive' });

    const kept = resultsOf((await bench(['--image-dir', folder, '--results', 'b.json', '--keep-answers', '--batch', '3'])).stdout);
    expect(kept.samples[0]).toMatchObject({ image: PRIVATE_NAME, answer: expect.stringMatching(/\w/) as unknown });
    expect(JSON.stringify(await stored(kept.run))).not.toContain('Anna');
  });

  it('logs the run to MLflow under the names of the seed, without what may be private', async () => {
    const env = { MLFLOW_TRACKING_URI: mlflow.url };
    const { code, stdout, stderr } = await bench(['--image-dir', await clinic(), '--prompt', 'What is the matter with Anna?'], env);
    expect(code, stderr).toBe(0);
    expect([...mlflow.experiments.keys()]).toEqual(['mobile_vlm_benchmark']);
    const [run] = mlflow.runs;
    expect(run).toMatchObject({ status: 'FINISHED' });
    expect([...(run?.params ?? [])].slice(0, 5).map(([name]) => name)).toEqual([
      'model_name',
      'device',
      'quantization',
      'num_samples',
      'image_dir',
    ]);
    const keys = new Set(run?.points.map(({ key }) => key));
    for (const key of ['load_time_seconds', 'inference_latency_ms', 'tokens_per_second', 'samples/ttft_ms']) expect(keys).toContain(key);
    expect(keys).not.toContain('samples/answer_fingerprint');
    expect(mlflow.received).not.toMatch(/Anna|clinic-/);
    expect([...mlflow.artifacts.keys()].map((name) => path.basename(name))).toEqual(['benchmark_results.json']);

    const before = mlflow.seen.length;
    await bench(['--image-dir', scenes, '--samples', '1', '--no-mlflow'], env);
    expect(mlflow.seen).toHaveLength(before);
    expect(resultsOf(stdout).run).toBe(run?.tags.get('edgevlm.run'));
  });

  it('keeps the run for later when MLflow is away, and does not fail for it', async () => {
    const away = { MLFLOW_TRACKING_URI: 'http://127.0.0.1:9/' };
    const { code, stdout, stderr } = await bench(['--image-dir', scenes, '--samples', '1'], away);
    expect([code, resultsOf(stdout).samples.length], stderr).toEqual([0, 1]);
    expect(stderr).toMatch(/^warning: MLflow does not have .* yet: .*edgevlm mlflow sync/m);
    expect(await readdir(path.join(home, 'spool/mlflow'))).toContain(`${resultsOf(stdout).run}.run.json`);
  });

  it('keeps what was finished when it is stopped', async () => {
    const child = startCli([...BENCH, '--image-dir', scenes, '--samples', '6', '--warmup', '0', '--log-level', 'debug'], {
      cwd: home,
      env: { MLFLOW_TRACKING_URI: '' },
    });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (chunk.includes('pictures finished') && !child.killed) child.kill('SIGINT');
    });
    await once(child, 'close');
    const [first = ''] = stdout.split('\n');
    const { partial, samples } = JSON.parse(first) as Results;
    expect(samples.length).toBeGreaterThanOrEqual(1);
    // A small model may be faster than the signal.
    expect(child.exitCode).toBe(partial ? 130 : 0);
    expect(samples.length < 6).toBe(partial);
  });

  it.each<[string, string[], number, RegExp, Record<string, string>?]>([
    ['a model that is none', ['--model', 'nosuch', '--image-dir', '.'], 65, /MODEL_UNKNOWN[^]*hint: There are shapes, /],
    ['a model for another runtime', ['--model', 'qwen2.5-vl-3b', '--image-dir', '.'], 65, /FILE_NOT_FOUND[^]*hint: .*--runtime python/],
    ['a folder that is none', ['--image-dir', 'nowhere'], 65, /FILE_NOT_FOUND/],
    ['no folder', [], 64, /--image-dir/],
    ['several devices without a matrix', ['--image-dir', '.', '--quantization', 'none,int8'], 64, /--matrix/],
    ['a server of no protocol', ['--image-dir', '.'], 64, /MLFLOW_TRACKING_URI/, { MLFLOW_TRACKING_URI: 'mlruns' }],
  ])('refuses %s before a model is loaded', async (_, args, code, message, env = {}) => {
    if (args.includes('.')) await cp(path.join(scenes, 'images/000000.png'), path.join(home, 'one.png'));
    const result = await bench(args, env);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe('bench vlm --matrix', () => {
  const MATRIX = ['--matrix', '--runtime', 'engine', '--samples', '4', '--results', 'matrix.json'];
  const run = (...args: string[]): Promise<CliResult> => bench([...MATRIX, '--image-dir', scenes, ...args]);

  it('killed in the middle goes on where it was, and is logged as one run with children', async () => {
    const namesIn = (folder: string): Promise<string[]> => readdir(path.join(home, folder)).catch(() => []);
    const records = async (): Promise<number> => (await namesIn('runs')).filter((name) => name.endsWith('.json')).length;
    const earlier = await records();
    const child = startCli([...BENCH, ...MATRIX, '--image-dir', scenes], { cwd: home, env: { MLFLOW_TRACKING_URI: '' } });
    const until = async (isSo: () => Promise<boolean>): Promise<void> => {
      while (child.exitCode === null && !(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await until(async () => (await namesIn('plans')).length > 0);
    const second = await bench([...MATRIX, '--image-dir', scenes], { MLFLOW_TRACKING_URI: '' });
    expect([second.code, second.stderr]).toEqual([69, expect.stringContaining(`process ${child.pid ?? 0} runs the plan`)]);
    // A cell's record is the last thing that is written of it.
    await until(async () => (await records()) > earlier);
    child.kill('SIGKILL');
    await once(child, 'close');

    const before = mlflow.runs.length;
    const env = { MLFLOW_TRACKING_URI: mlflow.url };
    const { code, stdout, stderr } = await bench([...MATRIX, '--image-dir', scenes], env);
    expect(code, stderr).toBe(0);
    const { cells: rows } = resultsOf(stdout);
    expect(rows.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    expect(rows[0]?.resumed).toBe(true);
    const saved = await Promise.all(rows.map(({ run: id = '' }) => stored(id)));
    expect(
      saved.map(({ settings: { effective } }) => [effective['quantization'], effective['precision'], effective['num_samples']]),
    ).toEqual([
      ['none', 'F16', 2],
      ['int8', 'Q8_0', 2],
      ['int4', 'Q4_0', 2],
    ]);
    const parity = saved.map(({ verdicts }) => verdicts.find(({ name }) => name === 'parity:logits')?.outcome);
    expect(parity).toEqual([undefined, 'pass', expect.stringMatching(/pass|inconclusive/)]);
    expect(saved[1]?.scores?.find(({ name }) => name === 'parity.top1')?.value).toBeGreaterThan(0.9);
    const logged = mlflow.runs.slice(before);
    const parent = logged.find(({ tags }) => tags.get('edgevlm.run')?.startsWith('plan-') === true);
    const children = logged.filter(({ tags }) => tags.get('mlflow.parentRunId') === parent?.id);
    expect(children.map(({ tags }) => tags.get('edgevlm.run')).sort()).toEqual(rows.map(({ run: id }) => id).sort());
    expect(new Set(logged.map(({ status }) => status))).toEqual(new Set(['FINISHED']));

    const again = await bench([...MATRIX, '--image-dir', scenes], env);
    expect(resultsOf(again.stdout).cells.map(({ resumed }) => resumed)).toEqual([true, true, true]);
    expect(mlflow.runs).toHaveLength(before + logged.length);
  });

  it('a cell that fails is a row, and the others go on', async () => {
    const elsewhere = process.platform === 'darwin' ? 'cuda' : 'metal';
    const { code, stdout } = await run('--quantization', 'none', '--device', `${elsewhere},cpu`);
    const { cells } = resultsOf(stdout);
    expect(code).not.toBe(0);
    expect(cells).toMatchObject([{ status: 'load_error', error: { code: 'DEVICE_UNAVAILABLE' } }, { status: 'ok' }]);
  });

  it('a plan says the same in a file', async () => {
    await writeFile(
      path.join(home, 'plan.yaml'),
      `name: mine\nscenario: vlm\nsettings: { model: ${SHAPES}, image_dir: ${scenes}, samples: 2, threads: 1 }\nmatrix: { runtime: [engine, "null"] }\n`,
    );
    const { code, stdout, stderr } = await bench(['--plan', 'plan.yaml', '--results', 'plan.json']);
    expect(code, stderr).toBe(0);
    expect(resultsOf(stdout).cells.map(({ status }) => status)).toEqual(['ok', 'ok']);
    await writeFile(path.join(home, 'other.yaml'), 'name: other\nscenario: ttft\nsettings: {}\n');
    expect(await bench(['--plan', 'other.yaml'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('bench plan other.yaml') as unknown,
    });
  });
});
