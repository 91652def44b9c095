import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { parseRunRecord } from '../../src/core/run-record.js';
import { runCli, startCli } from '../cli/run-cli.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/shapes-f16.gguf', import.meta.url));
const EVAL = ['eval', 'scenes', '--model', SHAPES, '--threads', '1', '--seed', '3'];

const Share = Type.Number({ minimum: 0, maximum: 1 });
/** What `--json` promises. */
const Result = Type.Object({
  run: Type.String(),
  count: Type.Integer(),
  pictures: Type.Integer(),
  shuffle: Type.Boolean(),
  caption: Type.Object({ object_f1: Share, exact: Share, placed_object_f1: Share }),
  vqa: Type.Object({ accuracy: Share, by_kind: Type.Record(Type.String(), Share) }),
  bleu4: Type.Number({ minimum: 0, maximum: 100.001 }),
  rouge_l: Share,
  cider: Type.Number({ minimum: 0, maximum: 10.001 }),
  intervals: Type.Record(Type.String(), Type.Tuple([Type.Number(), Type.Number()])),
});

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'eval-'));
});
afterAll(() => rm(home, { recursive: true }));

const resultOf = (stdout: string): Static<typeof Result> => Value.Parse(Result, JSON.parse(stdout.split('\n')[0] ?? ''));

async function evaluate(...args: string[]): Promise<Static<typeof Result>> {
  const { code, stdout, stderr } = await runCli([...EVAL, '--json', ...args], { cwd: home });
  expect(code, stderr).toBe(0);
  return resultOf(stdout);
}

it('the model in the box sees: it scores far better than on its neighbours’ pictures, and the run is kept', async () => {
  const seen = await evaluate('--count', '10', '--out', 'made/report.json');
  expect(seen).toMatchObject({ count: 10, pictures: 10, shuffle: false });
  expect(seen.caption.object_f1).toBeGreaterThan(0.8);
  expect(Object.keys(seen.vqa.by_kind)).toEqual(expect.arrayContaining(['colour', 'shape', 'position', 'size', 'count', 'exists']));
  for (const [name, [low, high]] of Object.entries(seen.intervals)) expect([name, low <= high]).toEqual([name, true]);

  const record = parseRunRecord(await readFile(join(home, 'made/report.json'), 'utf8'), 'the record');
  expect(record).toMatchObject({ id: seen.run, command: 'eval scenes', seeds: { scenes: 3 }, dataset: { items: 10 } });
  expect(Object.keys(record.models)).toEqual(['model', 'mmproj']);
  expect(await readdir(join(home, 'runs'))).toContain(`${seen.run}.json`);
  expect(await readFile(join(home, 'made/report.md'), 'utf8')).toContain('| objects, F1');
  const sum = (name: string): number => record.samples.find((list) => list.name === name)?.values.reduce((a, b) => a + b) ?? NaN;
  expect((2 * sum('objects.matched')) / (sum('objects.claimed') + sum('objects.present'))).toBeCloseTo(seen.caption.object_f1, 12);
  expect(sum('vqa.accuracy.right') / sum('vqa.accuracy.asked')).toBeCloseTo(seen.vqa.accuracy, 12);

  const shuffled = await evaluate('--count', '10', '--shuffle');
  expect(shuffled.shuffle).toBe(true);
  expect(shuffled.caption.object_f1).toBeLessThan(0.4);
  expect(shuffled.vqa.accuracy).toBeLessThan(seen.vqa.accuracy);
});

it('asks about the pictures that `data scenes` would draw', async () => {
  const { run } = await evaluate('--count', '3', '--max-objects', '2');
  const record = parseRunRecord(await readFile(join(home, 'runs', `${run}.json`), 'utf8'), 'the record');
  const drawn = ['data', 'scenes', 'drawn', '--count', '3', '--seed', '3', '--split', 'test', '--max-objects', '2'];
  expect((await runCli(drawn, { cwd: home })).code).toBe(0);
  const truths = await readFile(join(home, 'drawn/truths.jsonl'));
  expect(record.dataset).toEqual({ name: 'scenes', items: 3, sha256: createHash('sha256').update(truths).digest('hex') });
});

it('prints a table for people, and refuses to shuffle one picture', async () => {
  const { code, stdout } = await runCli([...EVAL, '--count', '2'], { cwd: home });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\| objects, F1 +\| +\d+\.\d% \| \d+\.\d% – \d+\.\d% +\|$/m);
  const alone = await runCli([...EVAL, '--count', '1', '--shuffle'], { cwd: home });
  expect([alone.code, alone.stdout]).toEqual([64, '']);
});

it('Ctrl-C keeps what was done: the report is on the finished pictures and says so', async () => {
  const child = startCli([...EVAL, '--count', '1000000', '--json', '--log-level', 'debug'], { cwd: home });
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    if (stderr.includes('pictures finished done=2') && !child.killed) child.kill('SIGINT');
  });
  await once(child, 'close');
  expect(child.exitCode, stderr).toBe(130);
  const { run, pictures } = resultOf(stdout);
  expect(pictures).toBeGreaterThanOrEqual(2);
  expect(pictures).toBeLessThan(1_000_000);
  expect(JSON.parse(stdout.split('\n')[1] ?? '')).toMatchObject({ error: { code: 'CANCELLED' } });
  const record = parseRunRecord(await readFile(join(home, 'runs', `${run}.json`), 'utf8'), 'the record');
  expect(record.dataset?.items).toBe(pictures);
  expect(record.notes[0]).toBe(`Stopped after ${pictures} of 1000000 pictures.`);
  for (const { values } of record.samples) expect(values).toHaveLength(pictures);
});
