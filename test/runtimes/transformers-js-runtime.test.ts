import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isProcessAlive } from '../../src/core/is-process-alive.js';
import type { OpenRuntime, RuntimeSpec } from '../../src/core/runtime.js';
import { findTransformersJs } from '../../src/runtimes/transformers-js/transformers-js-package.js';
import { transformersJsRuntime } from '../../src/runtimes/transformers-js/transformers-js-runtime.js';
import { hfCaptions } from '../shapes/hf-captions.js';
import { askPicture, captionRequest } from './support/ask-picture.js';
import { scenePng } from './support/scene-png.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
const Q8: RuntimeSpec = { model: SHAPES, device: 'cpu', quantization: 'int8', threads: 1 };
/** Of the 200, so that this stays within seconds. */
const SCENES = 50;

test('a missing package is named with the command that installs it', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'edgevlm-transformers-js-'));
  try {
    await expect(findTransformersJs([pathToFileURL(join(empty, 'package.json')).href])).rejects.toMatchObject({
      code: 'LOAD_ERROR',
      hint: expect.stringContaining('npm install @huggingface/transformers') as string,
    });
  } finally {
    await rm(empty, { recursive: true });
  }
});

test('the check tells the version, and what is cancelled is not checked', async () => {
  expect(await transformersJsRuntime.check()).toMatchObject({
    available: true,
    install: null,
    version: expect.stringMatching(/^\d+\./) as string,
  });
  await expect(transformersJsRuntime.check(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
});

describe('what cannot be opened', () => {
  test('a precision that is not there is refused with those that are', async () => {
    await expect(transformersJsRuntime.open({ ...Q8, quantization: 'int4' })).rejects.toMatchObject({
      code: 'LOAD_ERROR',
      message: 'shapes has no files of precision q4: there are q8',
    });
    await expect(transformersJsRuntime.open({ ...Q8, precision: 'fp16' })).rejects.toThrow(/fp16: there are q8/);
  });

  test('another device, another place', async () => {
    await expect(transformersJsRuntime.open({ ...Q8, device: 'cuda' })).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    await expect(transformersJsRuntime.open({ ...Q8, model: join(SHAPES, 'nothing') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(transformersJsRuntime.open({ ...Q8, model: join(SHAPES, 'hf') })).rejects.toMatchObject({ code: 'LOAD_ERROR' });
  });

  test('damaged files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edgevlm-onnx-'));
    try {
      await cp(join(SHAPES, 'onnx'), folder, { recursive: true });
      await writeFile(join(folder, 'onnx', 'decoder_model_merged_quantized.onnx'), Buffer.alloc(4096, 7));
      await expect(transformersJsRuntime.open({ ...Q8, model: folder })).rejects.toMatchObject({ code: 'LOAD_ERROR' });
      await writeFile(join(folder, 'config.json'), '{"model_type": ');
      await expect(transformersJsRuntime.open({ ...Q8, model: folder })).rejects.toMatchObject({ code: 'LOAD_ERROR' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('loading that is cancelled', async () => {
    await expect(transformersJsRuntime.open(Q8, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('the shapes model in eight bits', () => {
  let shapes: OpenRuntime;
  beforeAll(async () => {
    shapes = await transformersJsRuntime.open(Q8);
  });
  afterAll(async () => {
    await shapes.close();
  });

  test('it describes what it holds', () => {
    expect(shapes.effectivePrecision).toBe('q8');
    expect(shapes.generator.description).toMatchObject({ name: 'shapes', architecture: 'idefics3', precision: 'q8', vision: null });
    expect(shapes.load_ms).toBeGreaterThan(0);
  });

  // Eight bits turn a token only where the two best are near each other; test/shapes/transformers-js.test.ts has the reasons.
  test(`it says what Hugging Face says in float32 of at least nine in ten of ${SCENES} scenes`, { timeout: 300_000 }, async () => {
    const different: string[] = [];
    for (let index = 0; index < SCENES; index++) {
      const { result, pieces } = await askPicture(shapes.generator, captionRequest(await scenePng(index)));
      expect(pieces.join('')).toBe(result.text);
      expect(result).toMatchObject({ finishReason: 'stop', promptTokens: hfCaptions.promptIds.length, completionTokens: pieces.length });
      if (result.text.trim() !== hfCaptions.captions[index]) different.push(`${hfCaptions.captions[index] ?? ''} → ${result.text}`);
    }
    expect(different.length, different.join('\n')).toBeLessThanOrEqual(SCENES / 10);
  });

  test('the stages are told apart, and every token has its time', async () => {
    const { result } = await askPicture(shapes.generator, captionRequest(await scenePng(1)));
    const { timings, tokenTimes_ms = [] } = result;
    const { tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms, ttft_ms, total_ms } = timings;
    for (const stage of [tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms]) expect(stage).toBeGreaterThan(0);
    expect(ttft_ms).toBeGreaterThan((prepare_ms ?? NaN) + (encode_ms ?? NaN) + (prefill_ms ?? NaN));
    expect(total_ms).toBeGreaterThanOrEqual(ttft_ms);
    expect(tokenTimes_ms).toHaveLength(result.completionTokens);
    expect([...tokenTimes_ms].sort((a, b) => a - b)).toEqual(tokenTimes_ms);
  });

  test('several at once are answered one after the other', async () => {
    const alone: string[] = [];
    for (const index of [0, 1, 2]) alone.push((await askPicture(shapes.generator, captionRequest(await scenePng(index)))).result.text);
    const pictures = await Promise.all([0, 1, 2].map(scenePng));
    const together = await Promise.all(pictures.map((picture) => askPicture(shapes.generator, captionRequest(picture))));
    expect(together.map(({ result }) => result.text)).toEqual(alone);
  });

  test('it stops at a stop string, at the limit, and when it is cancelled', async () => {
    const picture = await scenePng(1);
    const whole = (await askPicture(shapes.generator, captionRequest(picture))).result;
    const stop = whole.text.split(' ')[3] ?? '';
    const stopped = (await askPicture(shapes.generator, captionRequest(picture, { stop: [stop] }))).result;
    expect(stopped).toMatchObject({ text: whole.text.slice(0, whole.text.indexOf(stop)), finishReason: 'stop' });
    const short = (await askPicture(shapes.generator, captionRequest(picture, { maxTokens: 3 }))).result;
    expect(short).toMatchObject({ completionTokens: 3, finishReason: 'length' });
    const before = (await askPicture(shapes.generator, captionRequest(picture), AbortSignal.abort())).result;
    expect(before).toMatchObject({ text: '', finishReason: 'cancelled', completionTokens: 0 });
    expect((await askPicture(shapes.generator, captionRequest(picture))).result.text).toBe(whole.text);
  });

  test('a draw repeats with its seed, and what the library does not do is said', async () => {
    const picture = await scenePng(2);
    const draw = async (seed: number): Promise<{ text: string; warnings: readonly string[] }> => {
      const sampling = { temperature: 5, topK: 0, seed };
      return (await askPicture(shapes.generator, captionRequest(picture, { sampling, maxTokens: 12 }))).result;
    };
    const first = await draw(7);
    expect((await draw(7)).text).toBe(first.text);
    expect((await draw(8)).text).not.toBe(first.text);
    expect(first.warnings.join()).toMatch(/top-k/);
  });

  test('a picture that cannot be decoded is refused, and the process goes on', async () => {
    await expect(askPicture(shapes.generator, captionRequest(Buffer.from('<svg/>')))).rejects.toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
    const cut = (await scenePng(0)).subarray(0, 300);
    await expect(askPicture(shapes.generator, captionRequest(cut))).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    expect((await askPicture(shapes.generator, captionRequest(await scenePng(0)))).result.completionTokens).toBeGreaterThan(3);
  });

  test('a prompt that does not fit is refused', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'red star '.repeat(5000) }] }] as const;
    await expect(askPicture(shapes.generator, { input: { messages }, maxTokens: 1 })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
  });

  test('a crash of its process is told, and closing afterwards is harmless', async () => {
    const other = await transformersJsRuntime.open(Q8);
    const [pid = -1] = other.pids();
    const picture = await scenePng(1);
    const asked = askPicture(other.generator, captionRequest(picture), undefined, () => {
      if (isProcessAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    await expect(asked).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    await other.close();
    await other.close();
    expect(isProcessAlive(pid)).toBe(false);
  });
});
