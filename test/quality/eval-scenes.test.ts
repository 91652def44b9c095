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
const MODEL = ['--model', SHAPES, '--threads', '1', '--seed', '3'];
const EVAL = ['eval', 'scenes', ...MODEL, '--style', 'plain'];

const Share = Type.Number({ minimum: 0, maximum: 1 });
/** What `--json` promises. */
const Result = Type.Object({
  run: Type.String(),
  count: Type.Integer(),
  pictures: Type.Integer(),
  partial: Type.Boolean(),
  shuffle_pictures: Type.Boolean(),
  caption: Type.Object({ object_f1: Share, exact: Share, placed_object_f1: Share }),
  vqa: Type.Object({ accuracy: Share, by_kind: Type.Record(Type.String(), Share) }),
  bleu4: Type.Number({ minimum: 0, maximum: 100.001 }),
  rouge_l: Share,
  cider: Type.Number({ minimum: 0, maximum: 10.001 }),
  chance: Type.Object({
    caption: Type.Object({ object_f1: Share }),
    vqa: Type.Object({ accuracy: Share, by_kind: Type.Record(Type.String(), Share) }),
  }),
  intervals: Type.Record(Type.String(), Type.Tuple([Type.Number(), Type.Number()])),
});

const AlbumsResult = Type.Object({
  run: Type.String(),
  albums: Type.Integer(),
  free: Type.Boolean(),
  unasked: Type.Integer(),
  caption: Type.Object({
    object_f1: Share,
    exact: Share,
    by_picture: Type.Record(Type.String(), Type.Object({ object_f1: Share, exact: Share })),
  }),
  context: Type.Object({ tokens: Type.Number() }),
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
  expect(seen).toMatchObject({ count: 10, pictures: 10, partial: false, shuffle_pictures: false });
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

  expect(record.scores?.find(({ name }) => name === 'caption.object_f1')).toMatchObject({ value: seen.caption.object_f1, n: 10 });
  expect(record.verdicts.map(({ name }) => name)).toEqual(['generator:event_loop', 'generator:cpu']);
  // What it took is told beside it.
  expect(record.resources?.duration_ms).toBeGreaterThan(0);
  expect(record.thermal.during.length).toBeGreaterThan(0);

  const shuffled = await evaluate('--count', '10', '--shuffle-pictures');
  expect(shuffled.shuffle_pictures).toBe(true);
  expect(shuffled.chance).toEqual(seen.chance);
  expect(shuffled.caption.object_f1).toBeLessThan(0.4);
  const [low = 1] = shuffled.intervals['vqa.accuracy'] ?? [];
  expect(low).toBeLessThanOrEqual(shuffled.chance.vqa.accuracy);
  const stored = parseRunRecord(await readFile(join(home, 'runs', `${shuffled.run}.json`), 'utf8'), 'the record');
  expect(stored.verdicts.find(({ name }) => name === 'chance')).toMatchObject({ outcome: 'pass' });
});

it('asks about the pictures that `data scenes` would draw', async () => {
  const { run } = await evaluate('--count', '3', '--max-objects', '2');
  const record = parseRunRecord(await readFile(join(home, 'runs', `${run}.json`), 'utf8'), 'the record');
  const drawn = ['data', 'scenes', 'drawn', '--count', '3', '--seed', '3', '--split', 'test', '--max-objects', '2'];
  expect((await runCli(drawn, { cwd: home })).code).toBe(0);
  const truths = await readFile(join(home, 'drawn/truths.jsonl'));
  expect(record.dataset).toEqual({ name: 'scenes', items: 3, sha256: createHash('sha256').update(truths).digest('hex') });
});

it('sees the same in pictures of the other renderer, and several at once as one after the other', async () => {
  const alone = await evaluate('--count', '10', '--renderer', 'svg');
  expect(alone.caption.object_f1).toBeGreaterThan(0.7);
  const together = await evaluate('--count', '10', '--renderer', 'svg', '--concurrency', '3');
  expect({ ...together, run: '' }).toEqual({ ...alone, run: '' });
});

it('holds conversations about albums: what was asked, how well it went by picture and kind, how long they were', async () => {
  const albums = async (...args: string[]): Promise<Static<typeof AlbumsResult>> => {
    const { code, stdout, stderr } = await runCli(['eval', 'albums', ...MODEL, '--count', '1', '--json', ...args], { cwd: home });
    expect(code, stderr).toBe(0);
    return Value.Parse(AlbumsResult, JSON.parse(stdout));
  };
  const forced = await albums('--style', 'plain');
  expect(forced).toMatchObject({ albums: 1, free: false });
  expect(Object.keys(forced.caption.by_picture)).toHaveLength(12);
  expect(forced.context.tokens).toBeGreaterThan(512);
  const record = parseRunRecord(await readFile(join(home, 'runs', `${forced.run}.json`), 'utf8'), 'the record');
  const drawn = ['data', 'albums', 'album', '--count', '1', '--seed', '3', '--split', 'test', '--pictures', '12', '--style', 'plain'];
  expect((await runCli(drawn, { cwd: home })).code).toBe(0);
  const truths = await readFile(join(home, 'album/album.jsonl'));
  expect(record.dataset).toEqual({ name: 'albums', items: 1, sha256: createHash('sha256').update(truths).digest('hex') });
  // What does not fit is not asked, and that is said.
  const short = await albums('--style', 'plain', '--free', '--context', '256');
  expect(short.free).toBe(true);
  expect(short.unasked).toBeGreaterThan(0);
  expect(short.context.tokens).toBeLessThanOrEqual(256);
});

it('prints a table for people, and refuses to shuffle one picture', async () => {
  const { code, stdout } = await runCli([...EVAL, '--count', '2'], { cwd: home });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\| objects, F1 +\| +\d+\.\d% \| \d+\.\d% – \d+\.\d% \| +\d+\.\d% \|$/m);
  const alone = await runCli([...EVAL, '--count', '1', '--shuffle-pictures'], { cwd: home });
  expect([alone.code, alone.stdout]).toEqual([64, '']);
});

it('Ctrl-C keeps what was done: the report is on the finished pictures and says so', async () => {
  const child = startCli([...EVAL, '--count', '1000000', '--json', '--log-level', 'debug'], { cwd: home });
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    if (stderr.includes('images finished done=2') && !child.killed) child.kill('SIGINT');
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
