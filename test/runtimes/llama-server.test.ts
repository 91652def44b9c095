import { afterEach, describe, expect, test, vi } from 'vitest';
import type { GenerateRequest, GenerateResult } from '../../src/core/generator.js';
import { isProcessAlive } from '../../src/core/is-process-alive.js';
import type { OpenRuntime, RuntimeSpec } from '../../src/core/runtime.js';
import { ChildProcess } from '../../src/host/child-process.js';
import { findLlamaServer } from '../../src/runtimes/llama-server/find-llama-server.js';
import { llamaServerRuntime } from '../../src/runtimes/llama-server/llama-server-runtime.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';
import type { OpenerProtocol } from './children/server-opener.js';
import { fakeLlamaServer } from './support/fake-llama-server.js';

const folder = await temporaryFolder();
const tiny = await tinyModel('tiny-smolvlm');

const opened: OpenRuntime[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((open) => open.close()));
  vi.unstubAllEnvs();
});

describe('finding llama-server', () => {
  test('goes by the name given, the environment and the PATH, in this order', async () => {
    const program = await fakeLlamaServer(folder);
    expect(await findLlamaServer(program, { EDGEVLM_LLAMA_SERVER: '/nowhere' })).toBe(program);
    expect(await findLlamaServer(undefined, { EDGEVLM_LLAMA_SERVER: program })).toBe(program);
    expect(await findLlamaServer(undefined, { PATH: `/nowhere:${folder}` })).toBe(program);
    await expect(findLlamaServer('/nowhere', { PATH: folder })).rejects.toMatchObject({ code: 'LOAD_ERROR' });
    await expect(findLlamaServer(undefined, { PATH: '' })).rejects.toMatchObject({
      hint: expect.stringContaining('--llama-server') as string,
    });
  });

  test('the check tells its version, or how to install it', async () => {
    vi.stubEnv('EDGEVLM_LLAMA_SERVER', '/nowhere');
    expect(await llamaServerRuntime.check()).toMatchObject({ available: false, install: expect.stringContaining('llama.cpp') as string });
    vi.stubEnv('EDGEVLM_LLAMA_SERVER', await fakeLlamaServer(folder));
    expect(await llamaServerRuntime.check()).toMatchObject({ available: true, version: '9.9.9 (build 1, commit fade)', install: null });
  });
});

// The fake is a shell script.
describe.skipIf(process.platform === 'win32')('a llama-server of our own', () => {
  test('is told of one that cannot load the model, and for want of what', async () => {
    // As the fake takes this context.
    await expect(start({ context: 7 })).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('allocate') as string,
    });
    await expect(start({ llamaServer: process.execPath })).rejects.toMatchObject({ code: 'LOAD_ERROR' });
  });

  test('gives up loading when nobody wants it any more', async () => {
    await expect(start({}, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('that dies while it answers is told as dead, with its signal', async () => {
    const open = await start();
    await expect(ask(open.generator, 'die')).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') as string });
    expect(open.pids()).toEqual([]);
    await expect(ask(open.generator, 'anything')).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('ends with us, even when we are killed', async () => {
    const llamaServer = await fakeLlamaServer(folder);
    const child = await ChildProcess.start<OpenerProtocol>(new URL('children/server-opener.ts', import.meta.url));
    const [pid = 0] = await child.request('open', { ...tiny, llamaServer, device: 'cpu', quantization: 'none' });
    expect(isProcessAlive(pid)).toBe(true);
    process.kill(child.pid ?? NaN, 'SIGKILL');
    await vi.waitFor(
      () => {
        expect(isProcessAlive(pid)).toBe(false);
      },
      { timeout: 20_000 },
    );
  });

  async function start(spec: Partial<RuntimeSpec> = {}, signal?: AbortSignal): Promise<OpenRuntime> {
    const llamaServer = await fakeLlamaServer(folder);
    const open = await llamaServerRuntime.open(
      { ...tiny, llamaServer, device: 'cpu', quantization: 'none', ...spec },
      signal ? { signal } : {},
    );
    opened.push(open);
    return open;
  }
});

async function ask(generator: OpenRuntime['generator'], prompt: string): Promise<GenerateResult> {
  const request: GenerateRequest = { input: { prompt }, maxTokens: 5 };
  for await (const event of generator.generate(request)) if (event.type === 'done') return event.result;
  throw new Error('the stream ended without a result');
}
