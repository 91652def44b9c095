import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Setting } from '../../src/config/load-config.js';
import type { DecodingStatistics } from '../../src/core/decoding.js';
import { inspectModel } from '../../src/catalogue/inspect-model.js';
import { findModel } from '../../src/catalogue/find-model.js';
import { runCli, type CliResult } from './run-cli.js';

const PICTURE = fileURLToPath(new URL('../fixtures/vision/pictures/small.png', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../config.example.yaml', import.meta.url));

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(home, { recursive: true }));

const put = (text: string, file = 'config.yaml'): Promise<void> => writeFile(join(home, file), text);
const cli = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> => runCli(args, { cwd: home, env });

interface Answer {
  readonly lossy: readonly string[];
  readonly warnings: readonly string[];
  readonly tokens: number;
  readonly decoding: DecodingStatistics;
}

/** What a command answers with `--json`, on one thread. */
async function answer(args: readonly string[], env: Record<string, string> = {}): Promise<Answer> {
  const { code, stdout, stderr } = await cli([...args, '--json', '--threads', '1'], env);
  expect([code, stderr.split('\n').filter((line) => line.startsWith('error'))]).toEqual([0, []]);
  return JSON.parse(stdout) as Answer;
}
const caption = (...args: string[]): Promise<Answer> => answer(['caption', PICTURE, ...args]);

async function show(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Show> {
  const { code, stdout, stderr } = await cli(['config', 'show', '--json', '--quiet', ...args], env);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Show;
}
interface Show {
  readonly file: string | null;
  readonly settings: readonly Setting[];
  readonly effective: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

/** Layers of the model in the box. */
async function layersOfShapes(): Promise<number> {
  const { decoder } = await inspectModel((await findModel({ model: 'shapes' })).model);
  return decoder?.layers ?? 0;
}

describe('a config file', () => {
  it('as the seed document has it is obeyed, and the answer lists what is lossy and what was dropped', async () => {
    await copyFile(EXAMPLE, join(home, 'config.yaml'));
    const { lossy, warnings, decoding } = await caption();
    expect(lossy).toEqual([expect.stringMatching(/^the cache policy pyramidkv\+gear is lossy/)]);
    expect(decoding.strategy).toBe('speculative');
    // Deeper than the model in the box, or beside speculation: early exit is off either way.
    expect(warnings).toContainEqual(expect.stringMatching(/^config\.yaml:\d+:\d+: .*early exit is off/));
  });

  it('is not there: nothing lossy is on; and --no-config is as if it were not', async () => {
    expect(await caption()).toMatchObject({ lossy: [], warnings: [], decoding: { strategy: 'plain' } });
    await copyFile(EXAMPLE, join(home, 'config.yaml'));
    expect(await caption('--no-config')).toMatchObject({ lossy: [], warnings: [], decoding: { strategy: 'plain' } });
  });

  it('gives way to flags and to the environment', async () => {
    await put('inference: {max_length: 3}\noptimizations: {kv_cache_compression: {gear_enabled: true}}');
    expect(await caption()).toMatchObject({ tokens: 3, lossy: [expect.stringContaining('gear')] });
    expect(await caption('--max-tokens', '2', '--cache', 'full')).toMatchObject({ tokens: 2, lossy: [] });
    const env = { EDGEVLM_INFERENCE_MAX_LENGTH: '1', EDGEVLM_OPTIMIZATIONS_KV_CACHE_COMPRESSION_GEAR_ENABLED: 'false' };
    expect(await answer(['caption', PICTURE], env)).toMatchObject({ tokens: 1, lossy: [] });
  });

  it('drops exit layers and tokens that the model does not have', async () => {
    const layers = await layersOfShapes();
    await put(`optimizations: {early_exit: {enabled: true, confidence_threshold: 0.5, exit_layers: [2, ${layers}]}}
inference: {context_length: 1000000}`);
    const { lossy, warnings } = await caption();
    expect(lossy).toEqual(['early exit by softmax_max: after 2 layers above 0.5']);
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^config\\.yaml:1:\\d+: .*has ${layers} layers, so no token leaves after ${layers}; tokens may leave after 2$`),
      ),
      expect.stringMatching(/^config\.yaml:2:\d+: inference\.context_length: the model was trained with/),
    ]);
  });

  it('is obeyed by vqa and generate, wherever it lies', async () => {
    await put('inference: {max_length: 2}', 'mine.yaml');
    expect(await answer(['generate', '--prompt', 'Hello.', '--config', 'mine.yaml'])).toMatchObject({ tokens: 2 });
    expect(await answer(['vqa', PICTURE, '--question', 'What is it?'], { EDGEVLM_CONFIG: 'mine.yaml' })).toMatchObject({ tokens: 2 });
  });

  it.each<[name: string, text: string, message: RegExp]>([
    [
      'an unknown key',
      'inference:\n  num_thread: 4\n',
      /^error CONFIG_INVALID: config\.yaml:2:3: inference\.num_thread is not known; did you mean num_threads\?/,
    ],
    ['a value out of range', 'inference: {top_p: 2}', /^error CONFIG_INVALID: config\.yaml:1:20: inference\.top_p must be <= 1 \(is 2\)/],
    ['a cache that holds nothing', 'max_cache_size_mb: 0', /max_cache_size_mb must be >= 1/],
    ['no YAML', 'inference: {', /^error CONFIG_INVALID: config\.yaml:1:/],
  ])('with %s stops a command before it begins', async (_, text, message) => {
    await put(text);
    const { code, stdout, stderr } = await cli(['caption', PICTURE]);
    expect([code, stdout, stderr]).toEqual([65, '', expect.stringMatching(message) as string]);
  });

  it('that was named and is not there is an error', async () => {
    const { code, stderr } = await cli(['caption', PICTURE, '--config', 'nowhere.yaml']);
    expect([code, stderr]).toEqual([65, expect.stringMatching(/^error FILE_NOT_FOUND: the config nowhere\.yaml/) as string]);
  });
});

describe('edgevlm config check', () => {
  it('finds the shipped example correct', async () => {
    const { code, stdout } = await cli(['config', 'check', EXAMPLE, '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([0, { file: EXAMPLE, valid: true, problems: [], not_used_yet: [] }]);
  });

  it('says everything that is wrong, with line and column', async () => {
    await put('inference:\n  top_p: 2\n  temprature: 1\n');
    const text = await cli(['config', 'check']);
    expect([text.code, text.stdout.split('\n')]).toEqual([
      65,
      [
        'config.yaml:2:10: inference.top_p must be <= 1 (is 2)',
        'config.yaml:3:3: inference.temprature is not known; did you mean temperature?',
        'config.yaml: 2 problems',
        '',
      ],
    ]);
    const json = await cli(['config', 'check', 'config.yaml', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      valid: false,
      problems: [
        { line: 2, column: 10 },
        { line: 3, column: 3 },
      ],
    });
  });

  it('lists what is correct and used by nothing', async () => {
    await put('cameras: [{name: door, source_type: usb, device_id: 0}]\ninference: {seed: 1}');
    const { code, stdout } = await cli(['config', 'check', '--json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { valid: true, not_used_yet: ['cameras'] }]);
  });

  it('says where there is no file', async () => {
    expect(await cli(['config', 'check'])).toMatchObject({ code: 0, stdout: expect.stringContaining('no config file') as string });
  });
});

describe('edgevlm config show', () => {
  it('tells of every setting who decided it', async () => {
    await put('inference:\n  num_threads: 3\n  top_k: 7\n  temperature: 0.5\n');
    const { file, settings, effective } = await show(['--threads', '2'], { EDGEVLM_INFERENCE_TOP_K: '9' });
    const row = (key: string): Setting | undefined => settings.find((setting) => setting.key === key);
    expect(file).toBe('config.yaml');
    expect(row('inference.num_threads')).toMatchObject({ value: 2, origin: 'flag', source: '--threads' });
    expect(row('inference.top_k')).toMatchObject({ value: 9, origin: 'environment', source: 'EDGEVLM_INFERENCE_TOP_K' });
    expect(row('inference.temperature')).toMatchObject({ value: 0.5, origin: 'file', source: 'config.yaml:4:16' });
    expect(row('inference.top_p')).toMatchObject({ value: 0.95, origin: 'default', source: null });
    expect(effective).toEqual({ topK: 9, temperature: 0.5 });
  });

  it('shows what flags mean for the keys that they stand for', async () => {
    await copyFile(EXAMPLE, join(home, 'config.yaml'));
    const { settings, effective } = await show(['--decoding', 'early-exit', '--exit-layers', '2', '--cache', 'pyramidkv']);
    const values = Object.fromEntries(settings.filter(({ origin }) => origin === 'flag').map(({ key, value }) => [key, value]));
    expect(values).toEqual({
      'optimizations.speculative_decoding.enabled': false,
      'optimizations.early_exit.enabled': true,
      'optimizations.early_exit.exit_layers': [2],
      'optimizations.kv_cache_compression.gear_enabled': false,
      'optimizations.kv_cache_compression.pyramid_enabled': true,
    });
    expect(effective).not.toHaveProperty('decoding');
    expect(effective).not.toHaveProperty('cache');
  });

  it('leaves the vision half of one model out where a flag names another', async () => {
    await put('model: {name: one.gguf, mmproj: half.gguf}');
    expect((await show()).effective).toEqual({ model: 'one.gguf', mmproj: 'half.gguf' });
    expect((await show(['--model', 'other.gguf'])).effective).toEqual({});
  });

  it('prints it for people', async () => {
    const { stdout } = await cli(['config', 'show', '--no-config']);
    expect(stdout).toMatch(/^file: none\n/);
    expect(stdout).toMatch(/^inference\.temperature +0 +default$/m);
  });
});
