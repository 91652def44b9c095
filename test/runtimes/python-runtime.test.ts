import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isProcessAlive } from '../../src/core/is-process-alive.js';
import type { OpenRuntime, RuntimeSpec } from '../../src/core/runtime.js';
import { pythonCommand } from '../../src/runtimes/python/python-environment.js';
import { PythonProcess } from '../../src/runtimes/python/python-process.js';
import type { PythonLoad } from '../../src/runtimes/python/python-protocol.js';
import { pythonRuntime } from '../../src/runtimes/python/python-runtime.js';
import { hfCaptions } from '../shapes/hf-captions.js';
import { askPicture, captionRequest } from './support/ask-picture.js';
import { hasPython, runPython, testPython } from './support/python-environment.js';
import { scenePng } from './support/scene-png.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
const CPU: RuntimeSpec = { model: SHAPES, device: 'cpu', quantization: 'none', threads: 1 };
/** Of the 200, so that this stays within seconds. */
const SCENES = 15;
const INSTALL_MS = 1_200_000;

test('without an environment the check says how to make one, and opening fails with the same words', async () => {
  const home = await mkdtemp(join(tmpdir(), 'edgevlm-python-'));
  vi.stubEnv('EDGEVLM_PYTHON', undefined).stubEnv('EDGEVLM_HOME', home);
  const command = 'edgevlm runtimes install python';
  expect(await pythonRuntime.check()).toMatchObject({ available: false, install: command });
  await expect(pythonRuntime.open(CPU)).rejects.toMatchObject({ code: 'LOAD_ERROR', hint: `Run \`${command}\`.` });
  vi.stubEnv('EDGEVLM_PYTHON', '/no/such/python');
  expect(await pythonRuntime.check()).toMatchObject({ available: false, detail: expect.stringContaining('/no/such/python') as string });
  vi.stubEnv('EDGEVLM_PYTHON', process.execPath);
  expect(await pythonRuntime.check()).toMatchObject({ available: false, detail: expect.stringContaining('does not start') as string });
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

// PyTorch is large: made where it was asked for; in CI it must be there.
describe.skipIf(!hasPython())('the Python runtime with PyTorch', () => {
  let interpreter: string;
  let shapes: OpenRuntime;
  beforeAll(async () => {
    interpreter = await testPython();
    vi.stubEnv('EDGEVLM_PYTHON', interpreter).stubEnv('HF_HUB_OFFLINE', '1');
    shapes = await pythonRuntime.open(CPU);
  }, INSTALL_MS);
  afterAll(async () => {
    await shapes.close();
    vi.unstubAllEnvs();
  });

  test('the check names what there is', async () => {
    const { available, version, detail } = await pythonRuntime.check();
    expect({ available, install: null }).toEqual({ available: true, install: null });
    expect(version).toMatch(/^\d+\.\d+/);
    expect(detail).toMatch(/PyTorch \d/);
  });

  test('it says word for word what Hugging Face said in float32', { timeout: 300_000 }, async () => {
    const weights = createHash('sha256')
      .update(readFileSync(`${SHAPES}hf/model.safetensors`))
      .digest('hex');
    expect(hfCaptions.weights, 'run python/training/shapes/make_fixtures.py').toBe(weights);
    expect(shapes.effectivePrecision).toBe('fp32');
    for (let index = 0; index < SCENES; index++) {
      const { result, pieces } = await askPicture(shapes.generator, captionRequest(await scenePng(index)));
      expect(result.text.trim()).toBe(hfCaptions.captions[index]);
      expect(pieces.join('').trim()).toBe(result.text.trim());
      expect(result).toMatchObject({ finishReason: 'stop', promptTokens: hfCaptions.promptIds.length, warnings: [] });
      expect(result.completionTokens).toBe(pieces.length);
    }
  });

  test('the stages are told apart, and every token has its time', async () => {
    const { result } = await askPicture(shapes.generator, captionRequest(await scenePng(1)));
    const { timings, tokenTimes_ms = [] } = result;
    const { queue_ms, tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms, ttft_ms, total_ms } = timings;
    for (const stage of [tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms]) expect(stage).toBeGreaterThan(0);
    const known = [queue_ms, tokenise_ms, prepare_ms, encode_ms, prefill_ms].reduce<number>((sum, stage) => sum + (stage ?? 0), 0);
    expect(ttft_ms).toBeGreaterThan(known);
    expect(total_ms).toBeGreaterThan(ttft_ms);
    expect(tokenTimes_ms).toHaveLength(result.completionTokens);
    expect([...tokenTimes_ms].sort((a, b) => a - b)).toEqual(tokenTimes_ms);
    expect(result.imageTokens).toBeGreaterThan(0);
  });

  test('several at once are answered one after the other', async () => {
    const asked = [0, 1, 2].map(async (index) => askPicture(shapes.generator, captionRequest(await scenePng(index))));
    const answers = await Promise.all(asked);
    expect(answers.map(({ result }) => result.text.trim())).toEqual(hfCaptions.captions.slice(0, 3));
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

  test('a draw repeats with its seed', async () => {
    const picture = await scenePng(2);
    const draw = async (seed: number): Promise<string> => {
      const sampling = { temperature: 5, topK: 0, topP: 1, minP: 0, seed };
      return (await askPicture(shapes.generator, captionRequest(picture, { sampling, maxTokens: 12 }))).result.text;
    };
    expect(await draw(7)).toBe(await draw(7));
    expect(await draw(7)).not.toBe(await draw(8));
  });

  test('transparency is laid over white, and EXIF orientation obeyed, as everywhere', async () => {
    const upright = await scenePng(3);
    const turned = await sharp(upright).rotate(270).withMetadata({ orientation: 6 }).png().toBuffer();
    expect((await askPicture(shapes.generator, captionRequest(turned))).result.text.trim()).toBe(hfCaptions.captions[3]);
  });

  test.each([
    ['no picture', () => Promise.resolve(Buffer.from('<svg/>')), 'IMAGE_UNSUPPORTED'],
    ['one that is cut off', async () => (await scenePng(0)).subarray(0, 300), 'IMAGE_CORRUPT'],
    [
      'a bomb',
      () =>
        sharp({ create: { width: 8000, height: 8000, channels: 3, background: 'red' } })
          .png({ compressionLevel: 9 })
          .toBuffer(),
      'IMAGE_TOO_LARGE',
    ],
  ])('%s is refused, and the process goes on', async (_, bytes, code) => {
    await expect(askPicture(shapes.generator, captionRequest(await bytes()))).rejects.toMatchObject({ code });
    expect((await askPicture(shapes.generator, captionRequest(await scenePng(0)))).result.text.trim()).toBe(hfCaptions.captions[0]);
  });

  test('a prompt that does not fit is refused', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'red star '.repeat(5000) }] }] as const;
    await expect(askPicture(shapes.generator, { input: { messages }, maxTokens: 1 })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
  });

  test('a text model continues a prompt, and refuses a picture', { timeout: 120_000 }, async () => {
    const draft = await pythonRuntime.open({ ...CPU, model: `${SHAPES}draft`, precision: 'bf16' });
    try {
      expect(draft.effectivePrecision).toBe('bf16');
      expect(draft.generator.description).toMatchObject({ architecture: 'LlamaForCausalLM', vision: null });
      // So hot that every token is as likely: whatever the model learnt, it does not end at once.
      const sampling = { temperature: 1e6, topK: 0, topP: 1, minP: 0, seed: 1 };
      const { result } = await askPicture(draft.generator, { input: { prompt: 'a large red' }, maxTokens: 4, sampling });
      expect(result.completionTokens).toBeGreaterThan(0);
      expect(result.promptTokens).toBeGreaterThan(0);
      expect(result.imageTokens).toBe(0);
      await expect(askPicture(draft.generator, captionRequest(await scenePng(0)))).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
      const [pid = -1] = draft.pids();
      expect(isProcessAlive(pid)).toBe(true);
      await draft.close();
      expect(isProcessAlive(pid)).toBe(false);
    } finally {
      await draft.close();
    }
  });

  test('int8 either computes or says why not', { timeout: 120_000 }, async () => {
    const opened = await pythonRuntime.open({ ...CPU, quantization: 'int8' }).catch((error: unknown) => error);
    if (opened instanceof Error) {
      expect(opened).toMatchObject({ code: 'LOAD_ERROR', message: expect.stringMatching(/bitsandbytes/) as string });
      return;
    }
    const int8 = opened as OpenRuntime;
    try {
      expect(int8.effectivePrecision).toBe('int8');
      expect((await askPicture(int8.generator, captionRequest(await scenePng(0)))).result.completionTokens).toBeGreaterThan(3);
    } finally {
      await int8.close();
    }
  });

  test('a device that is not there is refused', { timeout: 120_000 }, async () => {
    await expect(pythonRuntime.open({ ...CPU, device: 'vulkan' })).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
  });

  test(
    'what cannot be loaded is refused, code beside the weights unless it is allowed, and the process goes on',
    { timeout: 240_000 },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'edgevlm-remote-code-'));
      const python = await PythonProcess.start(pythonCommand(interpreter, 'serve', 1));
      const common = { device: 'cpu', precision: 'fp32', threads: 1, context: null, allow_remote_code: false, revision: null };
      const load = (model: string, more: Partial<PythonLoad> = {}): Promise<unknown> => python.load({ ...common, model, ...more });
      try {
        expect(python.import_ms).toBeGreaterThan(0);
        await expect(load(`${SHAPES}hf`, { precision: 'q5' })).rejects.toThrow(/fp32, fp16, bf16, int8, int4/);
        const config = { model_type: 'stranger', auto_map: { AutoConfig: 'code.Config', AutoModelForCausalLM: 'code.Model' } };
        await writeFile(join(folder, 'config.json'), JSON.stringify(config));
        await writeFile(join(folder, 'model.safetensors'), '');
        await writeFile(join(folder, 'code.py'), `open(${JSON.stringify(join(folder, 'ran'))}, 'w').close()\nraise SystemExit\n`);
        const refusal = { code: 'LOAD_ERROR', message: expect.stringContaining('--allow-remote-code') as string };
        await expect(load(folder)).rejects.toMatchObject(refusal);
        expect(existsSync(join(folder, 'ran'))).toBe(false);
        // Code may do what it likes: this one ends the process.
        await expect(load(folder, { allow_remote_code: true })).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
        expect(existsSync(join(folder, 'ran'))).toBe(true);
      } finally {
        await python.close();
        await rm(folder, { recursive: true });
      }
    },
  );

  test('nothing that arrives makes the Python half raise anything but its own error', () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constant(null), fc.string(), fc.boolean());
    const sampling = fc.record({ temperature: number, top_k: number, top_p: number, min_p: number, repeat_penalty: number, seed: number });
    const almost = fc.record(
      {
        type: fc.constantFrom('load', 'generate', 'cancel', 'stop'),
        id: number,
        messages: fc.jsonValue(),
        prompt: fc.jsonValue(),
        sampling,
      },
      { requiredKeys: ['type'] },
    );
    const lines = fc.sample(
      fc.oneof(
        fc.json(),
        almost.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      1000,
    );
    const script = [
      'import sys',
      'from edgevlm_runtime.protocol import ProtocolError, parse',
      'for line in sys.stdin.buffer:',
      '    try: print(type(parse(line)).__name__)',
      '    except ProtocolError: print("refused")',
    ].join('\n');
    const input = lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join('');
    const answers = runPython(interpreter, script, input).trim().split('\n');
    expect(answers).toHaveLength(lines.length);
    expect(new Set(answers)).toContain('refused');
  });
});
