import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { parseRunRecord } from '../../src/core/run-record.js';
import { tinyModel } from '../engine/support/tiny-models.js';
import { runCli, type CliResult } from './run-cli.js';

const PICTURE = fileURLToPath(new URL('../fixtures/vision/pictures/small.png', import.meta.url));

let home = '';
let draft = '';
let model: string[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'decoding-'));
  const { model: language, mmproj = '' } = await findModel({ model: 'shapes' });
  draft = join(dirname(language), 'shapes-draft-vision-f16.gguf');
  model = ['--model', language, '--mmproj', mmproj, '--threads', '1', '--quiet'];
});
afterAll(() => rm(home, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli([...args, ...model], { cwd: home });

interface Json {
  readonly caption: string;
  readonly lossy: readonly string[];
  readonly decoding: {
    readonly strategy: string;
    readonly drafted: number;
    readonly passes: number;
    readonly judged: number;
    readonly accepted: number;
    readonly layer_equivalents: number;
  };
}

async function caption(...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await cli('caption', PICTURE, '--json', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Json;
}

describe('decoding strategies', () => {
  it('say the same as plain decoding, and what they did', async () => {
    const plain = await caption();
    expect(plain).toMatchObject({ lossy: [], decoding: { strategy: 'plain', drafted: 0, exits: {} } });
    const speculative = await caption('--draft', draft, '--draft-view', 'image-tokens', '--draft-tokens', '3', '--draft-fixed');
    expect(speculative).toMatchObject({ caption: plain.caption, lossy: [], decoding: { strategy: 'speculative' } });
    expect(speculative.decoding.accepted).toBeGreaterThan(0);
    expect(speculative.decoding.passes).toBeLessThan(plain.decoding.passes);
    const own = await caption('--decoding', 'self-speculative', '--draft-layers', '3', '--draft-fixed');
    expect(own).toMatchObject({ caption: plain.caption, decoding: { strategy: 'self-speculative' } });
    expect(own.decoding.accepted).toBeGreaterThan(0);
  }, 180_000);

  it('verify by rejection where they are told to: hot guesses are kept and rejected', async () => {
    const sampled = ['--temperature', '3', '--seed', '5', '--draft', draft, '--draft-view', 'image-tokens', '--draft-fixed'];
    const { decoding } = await caption(...sampled, '--verification', 'rejection');
    expect(decoding).toMatchObject({ strategy: 'speculative' });
    expect(decoding.accepted).toBeGreaterThan(0);
    expect(decoding.judged).toBeGreaterThan(decoding.accepted);
    const again = await caption(...sampled, '--verification', 'rejection');
    expect(again.decoding).toMatchObject({ judged: decoding.judged, accepted: decoding.accepted });
    // A guess is drawn, not the likeliest token, and kept by another rule.
    const matched = await caption(...sampled);
    expect([matched.decoding.judged, matched.decoding.accepted]).not.toEqual([decoding.judged, decoding.accepted]);
  }, 180_000);

  it('that may change the answer are listed', async () => {
    const { lossy, decoding } = await caption(
      '--decoding',
      'early-exit',
      '--exit-layers',
      '2,4',
      '--exit-threshold',
      '0.5,0.6',
      '--exit-gate',
      'softmax_diff',
    );
    expect(lossy).toEqual(['early exit by softmax_diff: after 2 layers above 0.5, after 4 layers above 0.6']);
    expect(decoding.layer_equivalents).toBeGreaterThan(0);
  });

  it('and caches are what evaluations are made with, too, and records say so', async () => {
    const args = ['--count', '2', '--seed', '5', '--out', 'eval.json', '--json'];
    const flags = [
      '--decoding',
      'early-exit',
      '--exit-layers',
      '2,4',
      '--exit-threshold',
      '0',
      '--cache',
      'hadamard',
      '--cache-type',
      'q4_0',
    ];
    for (const what of ['scenes', 'albums']) {
      const { code, stderr } = await cli(
        'eval',
        what,
        ...args,
        ...flags,
        ...(what === 'albums' ? ['--count', '1', '--context', '1024'] : []),
      );
      expect([code, stderr]).toEqual([0, '']);
      const { settings } = parseRunRecord(await readFile(join(home, 'eval.json'), 'utf8'), 'eval.json');
      expect(settings.effective).toMatchObject({
        decoding: 'early-exit',
        exit_layers: '2,4',
        exit_threshold: '0',
        cache: 'hadamard',
        cache_type: 'q4_0',
      });
      expect(settings.effective).not.toHaveProperty('draft_tokens');
    }
  }, 180_000);

  it('show their work with --timings', async () => {
    const { stderr } = await cli('vqa', PICTURE, '--question', 'What is it?', '--decoding', 'early-exit', '--timings');
    expect(stderr).toMatch(/decode .* early-exit: \d+% of the layers computed/);
  });

  it.each<[args: string[], exitCode: number, message: RegExp]>([
    [['--decoding', 'speculative'], 64, /^error USAGE: .*needs a draft/],
    [['--draft-view', 'words'], 64, /^error USAGE: --draft-view needs --draft/],
    [['--draft', 'nowhere.gguf'], 65, /^error FILE_NOT_FOUND: .*nowhere\.gguf/],
    [['--decoding', 'self-speculative', '--draft-layers', '500'], 64, /^error USAGE: draftLayers is 500; expected fewer than/],
    [['--decoding', 'fast'], 64, /choices are plain, speculative, ngram, self-speculative, early-exit/],
    [['--exit-threshold', '2'], 64, /Expected a number from 0 to 1/],
  ])('are refused with %j', async (args, exitCode, message) => {
    const { code, stderr } = await cli('caption', PICTURE, ...args);
    expect([code, stderr]).toEqual([exitCode, expect.stringMatching(message) as string]);
  });

  it('do not take a draft that means other words by its tokens', async () => {
    const other = await tinyModel('tiny-llama-bpe', 'f32');
    const { code, stderr } = await cli('caption', PICTURE, '--draft', other.model);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^error DRAFT_MISMATCH: .*cannot draft for/);
  });
});
