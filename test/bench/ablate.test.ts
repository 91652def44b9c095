import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { parseRunRecord } from '../../src/core/run-record.js';
import { runCli, type CliResult } from '../cli/run-cli.js';

const Figure = Type.Union([Type.Number(), Type.Null()]);
const Exact = Type.Union([Type.Boolean(), Type.Null()]);
const Row = Type.Object({
  strategy: Type.String(),
  cache: Type.String(),
  status: Type.Enum(['ok', 'failed']),
  error: Type.Union([Type.Null(), Type.Object({ code: Type.String(), message: Type.String() })]),
  prompts: Type.Integer(),
  tokens_per_second: Figure,
  speedup: Figure,
  predicted_speedup: Figure,
  acceptance_rate: Figure,
  tokens_per_pass: Figure,
  exit_rate: Figure,
  layers_saved: Figure,
  kv_bytes_per_token: Figure,
  kv_ratio: Figure,
  answers_same: Type.Integer(),
  token_agreement: Figure,
  exact: Exact,
  kl_mean: Figure,
  kl_p99: Figure,
  top1_agreement: Figure,
  caption_top1_agreement: Figure,
  forced_tokens: Type.Integer(),
  excused: Figure,
  different: Figure,
  sampled_exact: Exact,
  caption_object_f1: Figure,
  vqa_accuracy: Figure,
});
const Result = Type.Object({ count: Type.Integer(), rows: Type.Array(Row), runs: Type.Array(Type.String()), report: Type.String() });

const PROMPTS = 10;
const TIMEOUT = 300_000;

let home = '';
let model: string[] = [];
let draft = '';
let result: Static<typeof Result>;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ablate-'));
  const { model: language, mmproj = '' } = await findModel({ model: 'shapes' });
  draft = join(dirname(language), 'shapes-draft-f16.gguf');
  model = ['--model', language, '--mmproj', mmproj, '--threads', '1'];
  const { code, stdout, stderr } = await ablate(
    ...['--draft', draft, '--draft-fixed', '--prompts', String(PROMPTS), '--caches', 'full,hadamard:q8_0,pyramidkv:24'],
    ...['--exit-layers', '2', '--exit-threshold', '0.5', '--report', 'report', '--json', '--quiet'],
  );
  expect([code, stderr]).toEqual([0, '']);
  result = Value.Parse(Result, JSON.parse(stdout));
}, TIMEOUT);
afterAll(() => rm(home, { recursive: true }));

const ablate = (...args: string[]): Promise<CliResult> => runCli(['bench', 'engine', '--ablate', ...args, ...model], { cwd: home });

function rowOf(strategy: string, cache = 'full'): Static<typeof Row> {
  const row = result.rows.find((one) => one.strategy === strategy && one.cache === cache);
  if (row === undefined) throw new Error(`there is no row ${strategy} over ${cache}`);
  return row;
}

describe('an ablation', () => {
  it('has a row for every strategy over every cache, plain decoding over a full one first', () => {
    expect(result.rows).toHaveLength(15);
    expect(result.rows[0]).toMatchObject({ strategy: 'plain', cache: 'full', speedup: 1, kv_ratio: 1, answers_same: PROMPTS, exact: null });
    expect(result.rows.map(({ status, prompts }) => [status, prompts])).toEqual(Array.from({ length: 15 }, () => ['ok', PROMPTS]));
  });

  it.each(['speculative', 'ngram', 'self-speculative'])('finds %s over a full cache exact, greedily and sampled', (strategy) => {
    expect(rowOf(strategy)).toMatchObject({ exact: true, different: 0, sampled_exact: true, layers_saved: null, exit_rate: null });
  });

  it('tells what guesses and exits came to', () => {
    const guessed = rowOf('self-speculative');
    expect(guessed.acceptance_rate).toBeGreaterThan(0.3);
    expect(guessed.tokens_per_pass).toBeGreaterThan(1.2);
    expect(rowOf('plain').tokens_per_pass).toBe(1);
    const early = rowOf('early-exit');
    expect(early).toMatchObject({ exact: null, sampled_exact: null });
    expect(early.exit_rate).toBeGreaterThan(0);
    expect(early.predicted_speedup).toBeCloseTo(1 / (1 - (early.layers_saved ?? NaN)), 6);
  });

  it('counts every byte of a cache and how right its answers are', () => {
    const rotated = rowOf('plain', 'hadamard:q8_0');
    expect(rotated.kv_ratio).toBeGreaterThan(1.8);
    expect(rotated.kv_ratio).toBeLessThan(2);
    expect(rowOf('plain', 'pyramidkv:24').kv_ratio).toBeGreaterThan(1.5);
    for (const { caption_object_f1: f1, vqa_accuracy: accuracy, token_agreement: agreement } of result.rows) {
      for (const share of [f1, accuracy, agreement]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }
    }
    expect(rowOf('plain').caption_object_f1).toBeGreaterThan(0.5);
  });

  it('leads lossy variants along the answers of plain decoding, and no others', () => {
    const led = result.rows.filter(({ forced_tokens: tokens }) => tokens > 0);
    expect(led.map(({ strategy, cache }) => `${strategy} ${cache}`)).toEqual([
      ...['early-exit full', 'plain hadamard:q8_0', 'early-exit hadamard:q8_0', 'plain pyramidkv:24', 'early-exit pyramidkv:24'],
    ]);
    const [rotated, pyramid] = [rowOf('plain', 'hadamard:q8_0'), rowOf('plain', 'pyramidkv:24')];
    expect(rotated.kl_mean).toBeGreaterThan(0);
    expect(rotated.kl_mean).toBeLessThan(pyramid.kl_mean ?? 0);
    expect(rotated.kl_p99).toBeLessThan(pyramid.kl_p99 ?? 0);
    expect(rotated.top1_agreement).toBeGreaterThan(0.9);
    // Every answer's tokens after the first, and its end.
    expect(new Set(led.map(({ forced_tokens: tokens }) => tokens)).size).toBe(1);
  });

  it('leaves a run record for each row and a report', async () => {
    expect(new Set(result.runs).size).toBe(15);
    const names = await readdir(join(home, 'runs'));
    const texts = await Promise.all(names.map((name) => readFile(join(home, 'runs', name), 'utf8')));
    const records = texts.map((text) => parseRunRecord(text, 'a stored run'));
    expect(records.map(({ id }) => id).toSorted()).toEqual(result.runs.toSorted());
    const speculative = records.find(
      ({ settings }) => settings.effective['strategy'] === 'speculative' && settings.effective['cache'] === 'full',
    );
    expect(speculative).toMatchObject({ command: 'bench engine --ablate', dataset: { items: PROMPTS }, models: { draft: {} } });
    expect(speculative?.verdicts.slice(0, 2)).toMatchObject([
      { name: 'exact:greedy', outcome: 'pass' },
      { name: 'exact:sampled', outcome: 'pass' },
    ]);
    const html = await readFile(join(home, 'report/report.html'), 'utf8');
    expect(html).toContain('self-speculative · full');
    expect(html).not.toContain(home);
    const markdown = await readFile(join(home, 'report/report.md'), 'utf8');
    expect(markdown).toContain('| early-exit');
  });
});

it(
  'leads a cache through whole albums, and goes on from what an earlier run kept',
  async () => {
    const args = ['--prompts', '1', '--strategies', 'plain', '--caches', 'hadamard:q4_0', '--temperature', '0', '--json', '--quiet'];
    const through = async (tokens: number): Promise<Static<typeof Row>> => {
      const { code, stdout, stderr } = await ablate(...args, '--forced-tokens', String(tokens), '--report', 'albums');
      expect([code, stderr]).toEqual([0, '']);
      const row = Value.Parse(Result, JSON.parse(stdout)).rows[1];
      if (row === undefined) throw new Error('the row is missing');
      return row;
    };
    const first = await through(500);
    expect(first.forced_tokens).toBeGreaterThanOrEqual(500);
    expect(first.kl_mean).toBeLessThan(0.05);
    expect(first.top1_agreement).toBeGreaterThan(0.95);
    expect(first.kv_ratio).toBeGreaterThan(3.5);
    const pieces = join(home, 'albums', 'forced');
    const [piece = ''] = await readdir(pieces);
    const kept = await stat(join(pieces, piece));
    expect(await through(500)).toMatchObject({ kl_mean: first.kl_mean, forced_tokens: first.forced_tokens });
    expect((await stat(join(pieces, piece))).mtimeMs).toBe(kept.mtimeMs);
    // What is damaged is made again, and comes to the same.
    await writeFile(join(pieces, piece), '[{');
    expect((await through(500)).forced_tokens).toBe(first.forced_tokens);
  },
  TIMEOUT,
);

it(
  'gives what cannot run a row with its reason',
  async () => {
    const { code, stdout } = await ablate('--prompts', '1', '--strategies', 'plain,speculative', '--temperature', '0', '--json', '--quiet');
    expect(code).toBe(0);
    const { rows } = Value.Parse(Result, JSON.parse(stdout));
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({ strategy: 'speculative', status: 'failed', prompts: 0, error: { code: 'USAGE' } });
    expect(rows[1]?.error?.message).toContain('needs a draft');
  },
  TIMEOUT,
);

it.each<[args: string[], message: RegExp]>([
  [['--ablate', '--strategies', 'plain,fast'], /no decoding strategy "fast"/],
  [['--ablate', '--caches', 'tiny'], /no cache "tiny"/],
  [['--ablate', '--decoding', 'ngram'], /--ablate takes --strategies/],
  [['--prompts', '3'], /--prompts needs --ablate/],
  [['--forced-tokens', '3'], /--forced-tokens needs --ablate/],
  [['--forced-pictures', '28'], /--forced-pictures needs --ablate/],
  [['--ablate', '--forced-pictures', '28'], /--forced-pictures needs --forced-tokens/],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await runCli(['bench', 'engine', ...args, ...model], { cwd: home });
  expect([code, stderr]).toEqual([64, expect.stringMatching(message) as string]);
});
