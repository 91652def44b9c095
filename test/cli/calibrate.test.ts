import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { parseCalibration, type CalibrationRecord } from '../../src/cli/calibration/calibration-record.js';
import type { DecodingStatistics } from '../../src/core/decoding.js';
import { runCli, type CliResult } from './run-cli.js';

const PICTURE = fileURLToPath(new URL('../fixtures/vision/pictures/small.png', import.meta.url));
const TIMEOUT = 240_000;

let home = '';
let draft = '';
let model: string[] = [];
let learnt: CalibrationRecord;
let file = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'calibrate-'));
  const { model: language, mmproj = '' } = await findModel({ model: 'shapes' });
  draft = join(dirname(language), 'shapes-draft-f16.gguf');
  model = ['--model', language, '--mmproj', mmproj, '--threads', '1'];
  const { code, stdout, stderr } = await cli('calibrate', '--draft', draft, '--prompts', '21', '--guesses', '4', '--json', '--quiet');
  expect([code, stderr]).toEqual([0, '']);
  const { file: saved, ...record } = JSON.parse(stdout) as CalibrationRecord & { file: string };
  [learnt, file] = [record, saved];
}, TIMEOUT);
afterAll(() => rm(home, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli([...args, ...model], { cwd: home });

interface Answer {
  readonly caption: string;
  readonly lossy: readonly string[];
  readonly decoding: DecodingStatistics;
}

async function caption(...args: string[]): Promise<{ answer: Answer; stderr: string }> {
  const { code, stdout, stderr } = await cli('caption', PICTURE, '--json', ...args);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { answer: JSON.parse(stdout) as Answer, stderr };
}

describe('what calibrate learns', () => {
  it('lies in the data directory, whole', async () => {
    expect(dirname(file)).toBe(join(home, 'calibration'));
    expect(await readdir(dirname(file))).toHaveLength(1);
    expect(parseCalibration(await readFile(file, 'utf8'), file)).toEqual(learnt);
  });

  it('is what passes cost on this device, by who guesses', () => {
    const { v, costs, threads } = learnt;
    expect(threads).toBe(1);
    expect(v).toHaveLength(5);
    expect(v[0]).toBe(1);
    expect(costs.ngram.verify_ms.every((cost) => cost > 0)).toBe(true);
    expect(costs.speculative?.draft_ms[0]).toBe(0);
    expect(costs.speculative?.draft_ms.slice(1).every((cost) => cost > 0)).toBe(true);
  });

  it('is where tokens may leave, at the agreement that was asked for or not at all', () => {
    const { exits, calibratedOn } = learnt;
    expect(calibratedOn).toMatchObject({ split: 'validation', prompts: 21 });
    expect(calibratedOn.tokens).toBeGreaterThan(20);
    if (exits === null) return;
    expect(exits.agreement).toBeGreaterThanOrEqual(exits.target);
    expect(exits.saved).toBeGreaterThan(0);
    expect(exits.exitThreshold).toHaveLength(exits.exitLayers.length);
  });
});

/** Milliseconds that no guess is worth: who believes it does not guess. */
const AN_AGE = 1e6;

function unaffordable(record: CalibrationRecord): CalibrationRecord {
  const { ngram } = record.costs;
  const verify_ms = ngram.verify_ms.map((ms, guesses) => (guesses === 0 ? ms : AN_AGE));
  return { ...record, costs: { ...record.costs, ngram: { ...ngram, verify_ms } } };
}

describe('what was learnt', () => {
  it(
    'is used and named where tokens are guessed, and not where they are not',
    async () => {
      const { answer, stderr } = await caption('--decoding', 'ngram');
      expect(stderr).toContain(`note: calibration: ${file}`);
      expect(answer.decoding.costs?.verify_ms).toHaveLength(5);
      expect((await caption()).stderr).toBe('');
      const own = join(home, 'own.json');
      await writeFile(own, JSON.stringify(unaffordable(learnt)));
      const { answer: warned } = await caption('--decoding', 'ngram', '--calibration', own);
      // At the pace of this answer's passes.
      const [one = NaN, ...more] = warned.decoding.costs?.verify_ms ?? [];
      const [learntOne = NaN] = learnt.costs.ngram.verify_ms;
      for (const ms of more) expect(ms / one).toBeCloseTo(AN_AGE / learntOne, -3);
      expect(more).toHaveLength(4);
      expect(warned.decoding.drafted).toBe(0);
    },
    TIMEOUT,
  );

  it(
    'gives way to flags, and is left out on request',
    async () => {
      const { answer } = await caption('--decoding', 'early-exit', '--exit-layers', '3', '--exit-threshold', '0.5');
      expect(answer.lossy).toEqual(['early exit by softmax_max: after 3 layers above 0.5']);
      await writeFile(file, JSON.stringify(unaffordable(learnt)));
      const { answer: uncalibrated, stderr } = await caption('--decoding', 'ngram', '--calibration', 'none');
      await writeFile(file, JSON.stringify(learnt));
      expect(stderr).toBe('');
      expect(Math.max(...(uncalibrated.decoding.costs?.verify_ms ?? []))).toBeLessThan(AN_AGE / 1000);
    },
    TIMEOUT,
  );

  it(
    'decides where tokens leave',
    async () => {
      const chosen = { gate: 'state', exitLayers: [2], exitThreshold: [0.25], target: 0.9, agreement: 1, exitRate: 1, saved: 0.5 } as const;
      const own = join(home, 'own.json');
      await writeFile(own, JSON.stringify({ ...learnt, exits: chosen }));
      const { answer } = await caption('--decoding', 'early-exit', '--calibration', own);
      expect(answer.lossy).toEqual(['early exit by state: after 2 layers above 0.25']);
    },
    TIMEOUT,
  );

  it.each<[what: string, change: Partial<CalibrationRecord>, why: RegExp]>([
    [
      'of another model',
      { model: { name: 'other.gguf', sha256: 'a'.repeat(64), bytes: 1, precision: 'F16' } },
      /of another model, other\.gguf/,
    ],
    ['of another device', { device: { cpu: 'Abacus', architecture: 'x64', logicalCores: 1 } }, /on another device: Abacus/],
    ['with other threads', { threads: 3 }, /with 3 threads/],
    ['of another release', { edgevlm: '0.0.1' }, /by release 0\.0\.1/],
  ])(
    '%s is left aside with a warning',
    async (_, change, why) => {
      const foreign = join(home, 'foreign.json');
      await writeFile(foreign, JSON.stringify({ ...unaffordable(learnt), ...change }));
      const { answer, stderr } = await caption('--decoding', 'ngram', '--calibration', foreign);
      expect(stderr).toMatch(/^warning: the calibration .*foreign\.json is not used: /);
      expect(stderr).toMatch(why);
      expect(answer.decoding.costs?.verify_ms).not.toContain(AN_AGE);
    },
    TIMEOUT,
  );

  it(
    'damaged is refused where it was asked for, and passed over where it was found',
    async () => {
      const damaged = join(home, 'calibration', 'damaged.json');
      await writeFile(damaged, '{"schemaVersion":1}');
      const asked = await cli('caption', PICTURE, '--decoding', 'ngram', '--calibration', damaged);
      expect([asked.code, asked.stderr]).toEqual([
        65,
        expect.stringMatching(/^error FILE_UNREADABLE: .*damaged\.json is not a calibration/),
      ]);
      const { stderr } = await caption('--decoding', 'ngram');
      expect(stderr).toMatch(/^warning: .*damaged\.json is not a calibration.*passed over/);
      expect(stderr).toContain(`note: calibration: ${file}`);
      await rm(damaged);
    },
    TIMEOUT,
  );

  it(
    'of one draft says nothing of another',
    async () => {
      const other = join(home, 'other-draft.gguf');
      await copyFile(join(dirname(draft), 'shapes-draft-vision-f16.gguf'), other);
      const { stderr } = await caption('--draft', other, '--draft-view', 'image-tokens');
      expect(stderr).toBe('');
    },
    TIMEOUT,
  );
});

it.each<[args: string[], message: RegExp]>([
  [['--draft-view', 'words'], /^error USAGE: --draft-view needs --draft/],
  [['--target', '2'], /Expected a number from 0 to 1/],
])('calibrate %j is refused', async (args, message) => {
  const { code, stderr } = await cli('calibrate', ...args);
  expect([code, stderr]).toEqual([64, expect.stringMatching(message) as string]);
});
