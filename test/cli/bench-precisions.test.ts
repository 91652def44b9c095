import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { RunRecord, parseRunRecord } from '../../src/core/run-record.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { elementsOf, parsePage } from '../report/parse-page.js';
import { runCli, startCli } from './run-cli.js';
import { writeTinyModels } from './tiny-models.js';

const BENCH = ['bench', 'precisions', '--model', 'tiny', '--threads', '1', '--max-objects', '1', '--style', 'plain'];

const Spread = Type.Object({ n: Type.Integer(), median: Type.Number(), min: Type.Number(), max: Type.Number() });
/** What `--json` promises. */
const Result = Type.Object({
  reference: Type.String(),
  count: Type.Integer(),
  pictures: Type.Integer(),
  runs: Type.Array(Type.String()),
  report: Type.Object({ html: Type.String(), json: Type.String(), markdown: Type.String() }),
  precisions: Type.Array(
    Type.Object({
      precision: Type.String(),
      status: Type.Literal('ok'),
      run: Type.String(),
      file_bytes: Type.Integer(),
      load_ms: Spread,
      latency_ms: Spread,
      ttft_ms: Spread,
      stages_ms: Type.Record(Type.String(), Type.Number()),
      scores: Type.Object({ caption: Type.Object({ object_f1: Type.Number() }), vqa: Type.Object({ accuracy: Type.Number() }) }),
    }),
  ),
});

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'precisions-'));
  await writeTinyModels(home);
});
afterAll(() => rm(home, { recursive: true }));

const resultOf = (stdout: string): Static<typeof Result> => Value.Parse(Result, JSON.parse(stdout.split('\n')[0] ?? ''));
const run = (...args: string[]) => runCli([...BENCH, ...args], { cwd: home, env: { TMPDIR: home } });
const leftovers = async (): Promise<string[]> => (await readdir(home)).filter((name) => name.startsWith('edgevlm-'));

describe('bench precisions', () => {
  it('measures each precision on the same pictures, saves a run each, and writes the report in three forms', async () => {
    const { code, stdout, stderr } = await run('--count', '4', '--repetitions', '2', '--json', '--report', 'made/here');
    expect(code, stderr).toBe(0);
    const result = resultOf(stdout);
    expect(result).toMatchObject({ reference: 'f16', count: 4, pictures: 4 });
    expect(result.precisions.map(({ precision }) => precision)).toEqual(['f16', 'q8_0', 'q4_0']);
    const [f16, q8, q4] = result.precisions.map(({ file_bytes }) => file_bytes);
    expect([f16, q8, q4]).toEqual([f16, q8, q4].sort((a = 0, b = 0) => b - a));
    for (const { load_ms, latency_ms, stages_ms } of result.precisions) {
      expect([load_ms.n, latency_ms.n]).toEqual([2, 4]);
      // The clocks of two processes are compared.
      expect(Object.values(stages_ms).reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(0.9 * latency_ms.min);
      expect(stages_ms['picture']).toBeGreaterThan(0);
      expect(stages_ms['encode']).toBeGreaterThan(0);
    }

    const json = JSON.parse(await readFile(join(home, 'made/here/report.json'), 'utf8')) as { runs: unknown[]; parts: unknown[] };
    expect(json.runs).toHaveLength(3);
    for (const record of json.runs) expect(Value.Check(RunRecord, record)).toBe(true);
    // Speed stands beside parity, and both beside what was used.
    const [, eight] = json.runs.map((record) => Value.Parse(RunRecord, record));
    expect(eight?.verdicts.map(({ name }) => name)).toEqual(expect.arrayContaining(['speed:latency', 'parity:logits', 'generator:cpu']));
    expect(eight?.scores?.find(({ name }) => name === 'parity.top1')?.value).toBeGreaterThan(0.9);
    expect(eight?.resources?.cpu.time_ms).not.toBeUndefined();
    expect(json.parts).toEqual(
      ['f16', 'q8_0', 'q4_0'].flatMap((precision) =>
        ['model', 'mmproj'].map((role) => expect.objectContaining({ precision, role, quantised: precision !== 'f16' }) as unknown),
      ),
    );
    const stored = await readdir(join(home, 'runs'));
    for (const id of result.runs) {
      expect(stored).toContain(`${id}.json`);
      const record = parseRunRecord(await readFile(join(home, 'runs', `${id}.json`), 'utf8'), id);
      expect(record).toMatchObject({ command: 'bench precisions', dataset: { items: 4 }, settings: { effective: { reference: 'f16' } } });
    }
    const page = parsePage(await readFile(join(home, 'made/here/report.html'), 'utf8'));
    expect(elementsOf(page, 'svg')).toHaveLength(4);
    expect(await readFile(join(home, 'made/here/report.md'), 'utf8')).toMatch(/^\| q4_0 +\|/m);
    // Whoever reads this report is not told where files lie.
    expect(page.text).not.toContain(home);
    expect(await leftovers()).toEqual([]);
  });

  it('says in its table which halves were quantised, and is quiet where nobody watches', async () => {
    const { code, stdout, stderr } = await run('--count', '1', '--precisions', 'f16,q8_0', '--seed', '5');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^\| f16 +\| .*reference/m);
    expect(stdout).toContain('Both halves of the model are quantised in q8_0.');
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^note: the report is reports\/precisions\/report.html$/)]);
  });

  it('tells why one precision failed and goes on with the others', async () => {
    // What is quantised already cannot be quantised again.
    await runCli(
      ['models', 'quantise', join(home, 'models/vision/tiny-f16.gguf'), join(home, 'models/vision/tiny-q8_0.gguf'), '--type', 'q8_0'],
      {
        cwd: home,
      },
    );
    expect((await readGguf(join(home, 'models/vision/tiny-q8_0.gguf'))).fileBytes).toBeGreaterThan(0);
    const { code, stdout } = await run('--model', 'tiny:q8_0', '--count', '1', '--json');
    expect(code).not.toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ precision: 'q4_0', error: { code: 'MODEL_UNSUPPORTED' } });
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      reference: 'q8_0',
      precisions: [
        { precision: 'q8_0', status: 'ok' },
        { precision: 'q4_0', status: 'load_error' },
      ],
    });
  });

  it.each([
    ['an unknown precision', ['--precisions', 'f16,q9'], /there is no precision "q9" for this model; there are f16, /],
    ['a precision twice', ['--precisions', 'f16,f16'], /twice/],
    ['no pictures', ['--count', '0'], /from 1 to/],
  ])('refuses %s', async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(message);
  });

  it('Ctrl-C keeps what all precisions have finished, says so, and leaves no files behind', async () => {
    const args = [...BENCH, '--count', '3000', '--repetitions', '1000', '--precisions', 'f16,q8_0', '--json', '--log-level', 'debug'];
    const child = startCli(args, { cwd: home, env: { TMPDIR: home } });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      // Three pictures a turn: the first round is over.
      if (stderr.includes('pictures finished done=7') && !child.killed) child.kill('SIGINT');
    });
    await once(child, 'close');
    expect(child.exitCode, stderr).toBe(130);
    const { pictures, precisions } = resultOf(stdout);
    expect(pictures % 3).toBe(0);
    expect(pictures).toBeGreaterThanOrEqual(3);
    expect(precisions.map(({ latency_ms }) => latency_ms.n)).toEqual([pictures, pictures]);
    expect(JSON.parse(stdout.split('\n')[1] ?? '')).toMatchObject({ error: { code: 'CANCELLED' } });
    expect(await readFile(join(home, 'reports/precisions/report.md'), 'utf8')).toContain(`Stopped after ${pictures} of 3000 pictures.`);
    expect(await leftovers()).toEqual([]);
  });
});
