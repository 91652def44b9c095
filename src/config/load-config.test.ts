import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, type ConfigRequest, loadConfig } from './load-config.js';

let cwd = '';
let home = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'config-'));
  home = join(cwd, 'home');
  await mkdir(home);
});
afterEach(() => rm(cwd, { recursive: true }));

const put = (path: string, content: string | Uint8Array): Promise<void> => writeFile(join(cwd, path), content);
const load = (request: ConfigRequest = {}): Promise<Config> => loadConfig({ cwd, ...request, env: { EDGEVLM_HOME: home, ...request.env } });
const threads = async (request?: ConfigRequest): Promise<unknown> => {
  const { value, origin, source } = (await load(request)).settings.get('inference.num_threads') ?? {};
  return [value, origin, source];
};

describe('the file in force', () => {
  it('is the one named, else that of the environment, of the working directory, of the home', async () => {
    expect(await threads()).toEqual([null, 'default', null]);
    await put('home/config.yaml', 'inference: {num_threads: 1}');
    expect(await threads()).toEqual([1, 'file', `${join(home, 'config.yaml')}:1:26`]);
    await put('config.yaml', 'inference: {num_threads: 2}');
    expect(await threads()).toEqual([2, 'file', 'config.yaml:1:26']);
    await put('other.yaml', 'inference: {num_threads: 3}');
    expect(await threads({ env: { EDGEVLM_CONFIG: 'other.yaml' } })).toEqual([3, 'file', 'other.yaml:1:26']);
    await put('flag.yaml', 'inference:\n  num_threads: 4');
    expect(await threads({ file: 'flag.yaml', env: { EDGEVLM_CONFIG: 'other.yaml' } })).toEqual([4, 'file', 'flag.yaml:2:16']);
    expect((await load({ file: false })).file).toBeNull();
  });

  it.each([
    ['nowhere.yaml', 'FILE_NOT_FOUND', /cannot be read/],
    ['home', 'FILE_NOT_FOUND', /is no file/],
    ['/dev/zero', 'FILE_NOT_FOUND', /is no file/],
    ['huge.yaml', 'CONFIG_INVALID', /larger than/],
    ['binary.yaml', 'CONFIG_INVALID', /not UTF-8/],
    ['wrong.yaml', 'CONFIG_INVALID', /^wrong\.yaml:2:3: inference\.top is not known; did you mean top_p\?$/],
  ])('%s is refused', async (file, code, message) => {
    await put('huge.yaml', Buffer.alloc(10_000_000, '#'));
    await put('binary.yaml', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe, 0));
    await put('wrong.yaml', 'inference:\n  top: 1\n');
    await expect(load({ file })).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
  });
});

describe('who decides', () => {
  it('flags over environment over file over defaults', async () => {
    await put('config.yaml', 'inference: {num_threads: 2, top_k: 5}');
    const env = { EDGEVLM_INFERENCE_NUM_THREADS: '3' };
    expect(await threads({ env })).toEqual([3, 'environment', 'EDGEVLM_INFERENCE_NUM_THREADS']);
    const flags = new Map([['inference.num_threads', { value: 4, flag: '--threads' }]] as const);
    expect(await threads({ env, flags })).toEqual([4, 'flag', '--threads']);
    const { given } = await load({ env, flags });
    // A default is not given: it may be another where the setting is used.
    expect(given).toEqual({ 'inference.num_threads': 4, 'inference.top_k': 5 });
  });

  it('the environment may hold lists and names, and empty variables give nothing', async () => {
    const { given } = await load({
      env: {
        EDGEVLM_OPTIMIZATIONS_EARLY_EXIT_EXIT_LAYERS: '8, 12',
        EDGEVLM_OPTIMIZATIONS_EARLY_EXIT_ENABLED: 'true',
        EDGEVLM_MODEL_NAME: '123',
        EDGEVLM_LOGGING_LEVEL: 'ERROR',
        EDGEVLM_INFERENCE_SEED: '',
      },
    });
    expect(given).toEqual({
      'optimizations.early_exit.exit_layers': [8, 12],
      'optimizations.early_exit.enabled': true,
      'model.name': '123',
      'logging.level': 'error',
    });
  });

  it.each(['many', '[1', '513', '*x'])('EDGEVLM_INFERENCE_NUM_THREADS=%s is refused by name', async (value) => {
    await expect(load({ env: { EDGEVLM_INFERENCE_NUM_THREADS: value } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('EDGEVLM_INFERENCE_NUM_THREADS') as string,
    });
  });
});
