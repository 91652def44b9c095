import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliResult, runCli, startCli } from '../cli/run-cli.js';
import { FakeHub } from './support/fake-hub.js';

const FILE = 'TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf';
const BYTES = randomBytes(100_000);

let hub: FakeHub;
let home = '';
beforeEach(async () => {
  hub = await FakeHub.start();
  hub.put(FILE, BYTES);
  home = await mkdtemp(join(tmpdir(), 'models-cli-'));
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true });
});

const env = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  HF_ENDPOINT: hub.endpoint,
  HF_TOKEN: '',
  HF_HUB_OFFLINE: '',
  TRANSFORMERS_OFFLINE: '',
  ...more,
});
const models = (args: readonly string[], more?: Readonly<Record<string, string>>): Promise<CliResult> =>
  runCli(['models', ...args], { cwd: home, env: env(more) });
const lines = ({ stdout }: CliResult): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('edgevlm models', () => {
  it('lists, pulls, verifies and removes', async () => {
    const before = lines(await models(['list', '--json']));
    expect(before.find(({ name }) => name === 'shapes')).toMatchObject({ state: 'shipped', checked: true });
    expect(before.find(({ name }) => name === 'tinyllama')).toMatchObject({ state: 'not here', checked: false });

    const pulled = await models(['pull', '--model', 'tinyllama', '--json']);
    expect([pulled.code, pulled.stderr]).toEqual([0, expect.stringMatching(/^note: tinyllama: .*could not be checked/)]);
    const path = join(home, 'models/tinyllama_1.1b_q4.gguf');
    expect(lines(pulled)).toEqual([
      { model: 'tinyllama', folder: join(home, 'models'), files: [{ path, state: 'downloaded', bytes: 100_000 }] },
    ]);
    expect((await readFile(path)).equals(BYTES)).toBe(true);

    expect((await models(['list'])).stdout).toMatch(/^tinyllama \? +text +q4_k_m +97\.7 KiB +apache-2\.0 +engine +here$/m);
    const verified = lines(await models(['verify', '--json']));
    expect(verified.map(({ model, ok }) => [model, ok])).toEqual([
      ['shapes', true],
      ['shapes-draft', true],
      ['shapes-draft-vision', true],
      ['tinyllama', true],
    ]);
    expect(lines(await models(['rm', '--model', 'tinyllama', '--json']))).toEqual([{ model: 'tinyllama', removed: [path] }]);
    expect(await readdir(join(home, 'models'))).toEqual([]);
    expect(await models(['rm', '--model', 'tinyllama'])).toMatchObject({
      code: 65,
      stderr: expect.stringContaining('FILE_NOT_FOUND') as string,
    });
  });

  it('pulls all that can be had, tells what could not, and ends with its code', async () => {
    const result = await models(['pull', '--all', '--json']);
    expect(result.code).toBe(69);
    const rows = lines(result);
    expect(rows.find(({ model }) => model === 'tinyllama')).toHaveProperty('files');
    expect(rows.find(({ model }) => model === 'smolvlm-256m')).toMatchObject({ error: { code: 'DOWNLOAD_FAILED' } });
  });

  it.each<[args: string[], more: Record<string, string>, code: number, error: string]>([
    [['pull'], {}, 64, 'USAGE'],
    [['pull', '--all', '--model', 'shapes'], {}, 64, 'USAGE'],
    [['rm'], {}, 64, 'USAGE'],
    [['pull', '--model', 'gpt'], {}, 65, 'MODEL_UNKNOWN'],
    [['verify', '--model', 'gpt'], {}, 65, 'MODEL_UNKNOWN'],
    [['verify', '--model', 'tinyllama'], {}, 65, 'FILE_NOT_FOUND'],
    [['pull', '--model', 'tinyllama'], { HF_HUB_OFFLINE: '1' }, 69, 'OFFLINE'],
    [['pull', '--all'], { TRANSFORMERS_OFFLINE: '1' }, 69, 'OFFLINE'],
    [['pull', '--model', 'moondream2'], {}, 69, 'DOWNLOAD_FAILED'],
  ])('%j with %j ends with %i, %s', async (args, more, code, error) => {
    const result = await models(args, more);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toContain(`error ${error}: `);
    expect((await readdir(home)).includes('models') ? await readdir(join(home, 'models')) : []).not.toContain('tinyllama_1.1b_q4.gguf');
  });

  it('a gated model is told with what to do, and the token in no output', async () => {
    hub.token = 'hf_right';
    const result = await models(['pull', '--model', 'tinyllama', '--json', '--log-level', 'debug'], { HF_TOKEN: 'hf_wrong_secret' });
    expect(result.code).toBe(69);
    expect(result.stderr).toMatch(/error DOWNLOAD_REFUSED: .*Access to this model is restricted/);
    expect(result.stderr).toContain('HF_TOKEN');
    expect(result.stdout + result.stderr).not.toContain('hf_wrong_secret');
    expect((await models(['pull', '--model', 'tinyllama'], { HF_TOKEN: 'hf_right' })).code).toBe(0);
  });

  it('stopped by Ctrl-C keeps what came and goes on with the next command', async () => {
    const half = new Promise<void>((resolve) => {
      hub.intercept = ({ at, method }, response) => {
        if (at !== 'store' || method !== 'GET') return false;
        response.writeHead(206, { 'content-length': BYTES.length, 'content-range': `bytes 0-${BYTES.length - 1}/${BYTES.length}` });
        response.write(BYTES.subarray(0, 50_000), () => {
          resolve();
        });
        return true;
      };
    });
    const child = startCli(['models', 'pull', '--model', 'tinyllama'], { cwd: home, env: env() });
    const closed = once(child, 'close');
    child.stderr?.resume();
    await half;
    child.kill('SIGINT');
    await closed;
    expect(child.exitCode).toBe(130);
    expect((await readdir(join(home, 'models'))).sort()).toEqual(['tinyllama_1.1b_q4.gguf.part', 'tinyllama_1.1b_q4.gguf.part.json']);
    hub.intercept = () => false;
    expect((await models(['pull', '--model', 'tinyllama'])).code).toBe(0);
    expect((await readFile(join(home, 'models/tinyllama_1.1b_q4.gguf'))).equals(BYTES)).toBe(true);
  });
});
