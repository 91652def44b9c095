import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { GenerateRequest, GenerateResult } from '../../src/core/generator.js';
import { ChildProcess } from '../../src/host/child-process.js';
import { siblingEntry } from '../../src/host/sibling-entry.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import type { EngineLoadOptions } from '../../src/runtimes/engine/engine-protocol.js';
import type { AbortingProtocol } from './children/aborting.js';
import { editGguf } from './support/edit-gguf.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const { model } = await tinyModel('tiny-llama-bpe');
const folder = await temporaryFolder();
const OPTIONS: EngineLoadOptions = { model, threads: 1, context: 512 };
const REQUEST: GenerateRequest = { input: { prompt: 'The green triangle' }, maxTokens: 200 };

const running: EngineGenerator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.close()));
});

async function start(options: Partial<EngineLoadOptions> = {}): Promise<EngineGenerator> {
  const engine = await EngineGenerator.start({ ...OPTIONS, ...options });
  running.push(engine);
  return engine;
}

async function generate(
  engine: EngineGenerator,
  request = REQUEST,
  { signal, onToken }: { signal?: AbortSignal; onToken?: (count: number) => void } = {},
): Promise<GenerateResult> {
  let count = 0;
  for await (const event of engine.generate(request, signal)) {
    if (event.type === 'done') return event.result;
    onToken?.(++count);
  }
  throw new Error('the generation ended without a result');
}

describe('an engine process', () => {
  test('answers, several requests at once, the same as one after another', async () => {
    const engine = await start();
    expect(engine.description).toMatchObject({
      architecture: 'llama',
      precision: 'F32',
      contextLength: 512,
      vocabularySize: 320,
      vision: null,
    });
    const other = { ...REQUEST, input: { prompt: 'There are 12 stars' } };
    const alone = [await generate(engine), await generate(engine, other)];
    const together = await Promise.all([generate(engine), generate(engine, other)]);
    expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(alone[0]?.text).not.toBe(alone[1]?.text);
  });

  test('ends a cancelled request and answers the next', async () => {
    const engine = await start();
    const whole = await generate(engine);
    const abort = new AbortController();
    const onToken = (count: number): void => {
      if (count === 5) abort.abort();
    };
    const partial = await generate(engine, REQUEST, { signal: abort.signal, onToken });
    expect(partial.finishReason).toBe('cancelled');
    expect(whole.text.startsWith(partial.text)).toBe(true);
    expect((await generate(engine)).text).toBe(whole.text);
  });

  test('sends its errors with their codes and stays in service', async () => {
    await expect(start({ model: join(folder, 'absent.gguf') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(start({ threads: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    const engine = await start();
    await expect(generate(engine, { ...REQUEST, maxTokens: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(generate(engine, { ...REQUEST, sampling: { topP: 2 } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(generate(engine, { ...REQUEST, input: { prompt: 'star '.repeat(2000) } })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
    expect((await generate(engine)).completionTokens).toBeGreaterThan(0);
  });
});

describe('a crash', () => {
  test('in the middle of an answer is ENGINE_CRASHED; this process lives and starts another', async () => {
    const engine = await start();
    const { text } = await generate(engine);
    const crashed = generate(engine, REQUEST, {
      onToken: (count) => {
        if (count === 5) process.kill(engine.pid ?? NaN, 'SIGKILL');
      },
    });
    await expect(crashed).rejects.toMatchObject({ code: 'ENGINE_CRASHED', message: expect.stringContaining('SIGKILL') as string });
    await expect(generate(engine)).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    expect((await generate(await start())).text).toBe(text);
  });

  test('of ggml itself carries its words', async () => {
    await using child = await ChildProcess.start<AbortingProtocol>(siblingEntry('./children/aborting', import.meta.url), {
      name: 'the engine',
      env: { GGML_NO_BACKTRACE: '1' },
    });
    expect(await child.request('ready', null)).toBeGreaterThan(0);
    await expect(child.request('abort', null)).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringMatching(
        /^the engine was ended by SIGABRT .*ggml\.c:\d+: GGML_ASSERT\(ggml_can_mul_mat\(a, b\)\) failed$/,
      ) as string,
    });
    expect(await child.exited).toEqual({ kind: 'signal', signal: 'SIGABRT' });
  });

  test('is spared a vocabulary that libllama would end the process for', async () => {
    const hostile = await editGguf(model, join(folder, 'twins.gguf'), ({ metadata }) => {
      const tokens = metadata.get('tokenizer.ggml.tokens');
      if (tokens?.type !== 'array' || tokens.of !== 'string') throw new Error('the file has no tokens');
      metadata.set('tokenizer.ggml.tokens', {
        ...tokens,
        value: tokens.value.map((token, id) => (id === 300 ? (tokens.value[299] ?? '') : token)),
      });
    });
    await expect(start({ model: hostile })).rejects.toMatchObject({ code: 'TOKENIZER_FAILED' });
  });
});
