import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ContentPart, GenerateRequest } from '../../src/core/generator.js';
import type { OpenRuntime, RuntimeSpec } from '../../src/core/runtime.js';
import { pythonRuntime } from '../../src/runtimes/python/python-runtime.js';
import { askPicture } from './support/ask-picture.js';
import { hasPython, testPython } from './support/python-environment.js';

const MAKE = fileURLToPath(new URL('../fixtures/make_own_code.py', import.meta.url));

describe.skipIf(!hasPython())('the Python runtime with PyTorch, and models that answer by methods of their own', () => {
  let folder = '';
  let blue: Uint8Array;
  const models = new Map<'new' | 'old', OpenRuntime>();
  const spec = (kind: string): RuntimeSpec => ({ model: path.join(folder, kind), device: 'cpu', quantization: 'none', threads: 1 });
  beforeAll(async () => {
    const interpreter = await testPython();
    vi.stubEnv('EDGEVLM_PYTHON', interpreter).stubEnv('HF_HUB_OFFLINE', '1');
    folder = await mkdtemp(path.join(tmpdir(), 'edgevlm-own-code-'));
    // Where Transformers copies such code to.
    vi.stubEnv('HF_MODULES_CACHE', path.join(folder, 'modules'));
    execFileSync(interpreter, [MAKE, folder]);
    for (const kind of ['new', 'old'] as const) {
      models.set(kind, await pythonRuntime.open({ ...spec(kind), allowRemoteCode: true }));
    }
    blue = await sharp({ create: { width: 12, height: 8, channels: 3, background: '#1020f0' } })
      .png()
      .toBuffer();
  }, 1_200_000);
  afterAll(async () => {
    for (const model of models.values()) await model.close();
    await rm(folder, { recursive: true });
    vi.unstubAllEnvs();
  });

  const held = (kind: 'new' | 'old'): OpenRuntime => models.get(kind) ?? expect.fail(`${kind} is not open`);
  const asked = (text: string, maxTokens = 9, more: readonly ContentPart[] = []): GenerateRequest => {
    const content: ContentPart[] = [{ type: 'picture', bytes: blue }, ...(text === '' ? [] : [{ type: 'text', text } as const]), ...more];
    return { input: { messages: [{ role: 'user', content }] }, maxTokens };
  };

  test('a question is put to query, word by word as it streams', async () => {
    const { result, pieces } = await askPicture(held('new').generator, asked('Which colour', 20));
    expect(result.text).toBe('Which colour: 12 by 8, mostly blue');
    expect(pieces).toEqual(['Which', ' colour:', ' 12', ' by', ' 8,', ' mostly', ' blue']);
    expect(result).toMatchObject({ finishReason: 'stop', completionTokens: 9, promptTokens: null, imageTokens: null, warnings: [] });
    expect(result.tokenTimes_ms).toHaveLength(pieces.length);
    const { prepare_ms, encode_ms, prefill_ms } = result.timings;
    for (const stage of [prepare_ms, encode_ms, prefill_ms]) expect(stage).toBeGreaterThan(0);
  });

  test('a picture without words is captioned, and as long as was asked for', async () => {
    expect((await askPicture(held('new').generator, asked(''))).result.text).toBe('normal caption: 12 by 8, mostly blue');
    const short = (await askPicture(held('new').generator, asked('', 3))).result;
    expect([short.text, short.finishReason]).toEqual(['normal caption: 12', 'length']);
  });

  test('older releases encode the picture, then answer with a tokenizer, in one piece', async () => {
    const { result, pieces } = await askPicture(held('old').generator, asked('blue or red'));
    expect(result.text).toMatch(/blue$/);
    expect(pieces).toHaveLength(1);
    expect(result.warnings).toEqual([expect.stringContaining('decides how long') as string]);
  });

  test.each([
    ['two pictures', () => asked('Which?', 9, [{ type: 'picture', bytes: blue }])],
    ['a prompt without a picture', (): GenerateRequest => ({ input: { prompt: 'Which?' }, maxTokens: 3 })],
  ])('%s are refused, and the process goes on', async (_, request) => {
    await expect(askPicture(held('new').generator, request())).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
    expect((await askPicture(held('new').generator, asked('Which'))).result.text).toMatch(/blue$/);
  });

  test('logits are not told', async () => {
    await expect(held('new').score?.({ input: asked('Which').input, tokens: [1] })).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });
});
