import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import type { DecodingOptions } from '../../src/core/decoding.js';
import { Engine } from '../../src/engine/engine.js';
import { Buffer } from '../../src/engine/ggml/buffer.js';
import { GraphAllocator } from '../../src/engine/ggml/graph-allocator.js';
import { Graph } from '../../src/engine/ggml/graph.js';
import { TensorContext } from '../../src/engine/ggml/tensor-context.js';
import type { KvCacheOptions } from '../../src/engine/kv-cache/registry.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { ask, assistant, loadShapes, sceneFor, user } from './support/ask.js';
import { relativeError } from './support/compare.js';
import { encodeTiles } from './support/encode-tiles.js';
import { readParityCase, readParityTiles } from './support/parity-case.js';
import { teacherForced } from './support/teacher-forced.js';
import { openTestDevice, TEST_DEVICE } from './support/test-device.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';
import { writeTinyMmproj } from './support/tiny-mmproj.js';

/** More on a machine whose device computes in silicon. */
const SCENES = Number(process.env['EDGEVLM_DEVICE_SCENES'] ?? 4);
/** Compiling kernels takes a driver in software half a minute; a cold one on a busy machine longer. */
const TIMEOUT_MS = 600_000;
/**
 * Relative errors of image tokens and of logits, against the processor's: devices multiply in f16 where the weights are, and eight layers
 * pass it on. Measured on lavapipe: 1.1e-2.
 */
const TOLERANCE = 3e-2;
/** A picture, a question and an answer of `shapes` fit: then no graph grows, and no memory moves while an answer is made. */
const CONTEXT = 256;

const device = TEST_DEVICE;
const onDevice = device === undefined ? {} : { device };
const { model } = await findModel({ model: 'shapes' });
const draft = { model: join(dirname(model), 'shapes-draft-f16.gguf') };
const folder = await temporaryFolder();

describe('what a device cannot do is refused before it is looked for', () => {
  test.each(['gear', 'pyramidkv+gear'] as const)('the cache policy %s', async (policy) => {
    await expect(loadShapes({ device: 'vulkan', cache: { policy } })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining(`the cache policy ${policy} compresses in this process's memory`) as string,
      hint: expect.stringContaining('pyramidkv+hadamard') as string,
    });
  });
});

describe.skipIf(device === undefined)(`on ${device ?? 'a device (EDGEVLM_TEST_DEVICE=cuda|vulkan|metal)'}`, () => {
  describe('shapes', () => {
    let [here, there]: TextEngine[] = [];
    const engines = (): { here: TextEngine; there: TextEngine } => {
      if (here === undefined || there === undefined) throw new Error('no engine is loaded');
      return { here, there };
    };

    beforeAll(async () => {
      here = await loadShapes({ context: CONTEXT, draft });
      there = await loadShapes({ ...onDevice, context: CONTEXT, draft });
    }, TIMEOUT_MS);
    afterAll(() => {
      here?.[Symbol.dispose]();
      there?.[Symbol.dispose]();
    });

    test('names what it computes on', () => {
      expect(engines().there.description).toMatchObject({ device: expect.stringMatching(/./) as string, warnings: [] });
      expect(engines().here.description.device).toBeUndefined();
    });

    test(
      `describes ${SCENES} scenes token by token as the processor does, also a second question about a picture`,
      async () => {
        for (let index = 0; index < SCENES; index++) {
          const { image, questions } = await sceneFor(engines().here, index);
          const [expected, answered] = [await ask(engines().here, [user('Describe the picture.', image)]), await captionOn(image)];
          expect(answered.tokens).toEqual(expected.tokens);
          const again = [user('Describe the picture.', image), assistant(expected.text), user(questions[0] ?? '')];
          const second = await ask(engines().there, again);
          expect(second.tokens).toEqual((await ask(engines().here, again)).tokens);
          expect(second.cachedTokens).toBeGreaterThan(0);
        }
      },
      TIMEOUT_MS,
    );

    test(
      'goes on for 64 tokens alike, with logits within the tolerance',
      async () => {
        const prompt = { tokens: pseudoRandomTokens(40, engines().here.engine.shape.vocabulary) };
        const tokens: number[] = [];
        const step = async (fed: Int32Array): Promise<Float32Array> => {
          const [row = new Float32Array()] = await engines().there.engine.runner.decode([{ sequence: 99, tokens: fed, logits: 'last' }]);
          return row;
        };
        let row = await step(prompt.tokens);
        const rows = [row];
        while (tokens.length < 64) {
          tokens.push(argmax(row));
          row = await step(Int32Array.of(tokens.at(-1) ?? 0));
          rows.push(row);
        }
        engines().there.engine.runner.truncate(99, 0);
        const expected = await teacherForced(engines().here.engine.runner, prompt, tokens, 99);
        expect(tokens).toEqual(expected.slice(0, -1).map(argmax));
        expect(Math.max(...rows.map((logits, i) => relativeError(logits, expected[i] ?? new Float32Array())))).toBeLessThan(TOLERANCE);
      },
      TIMEOUT_MS,
    );

    const decodings: readonly DecodingOptions[] = [
      { strategy: 'speculative' },
      { strategy: 'ngram', ngramMin: 1 },
      { strategy: 'self-speculative', draftLayers: 2 },
      { strategy: 'early-exit', exitThreshold: 1 },
    ];
    test.each(decodings)(
      'finds the same tokens by $strategy',
      async (decoding) => {
        const { image } = await sceneFor(engines().here, 0);
        const messages = [user('Describe the picture.', image)];
        const { tokens } = await ask(engines().here, messages, { decoding: { strategy: 'plain' } });
        expect((await ask(engines().there, messages, { decoding })).tokens).toEqual(tokens);
      },
      TIMEOUT_MS,
    );

    test('is cancelled between two graphs, and answers afterwards', async () => {
      const abort = new AbortController();
      const messages = [user('What do you see?')];
      const answer = engines().there.generate({ input: { messages }, maxTokens: 40 }, abort.signal);
      const { value } = await answer.next();
      expect(value).toMatchObject({ type: 'token' });
      abort.abort();
      for await (const event of answer) if (event.type === 'done') expect(event.result.finishReason).toBe('cancelled');
      expect((await ask(engines().there, messages)).tokens.length).toBeGreaterThan(0);
    });

    async function captionOn(image: Awaited<ReturnType<typeof sceneFor>>['image']): ReturnType<typeof ask> {
      return ask(engines().there, [user('Describe the picture.', image)]);
    }
  });

  test.each<KvCacheOptions>([
    { type: 'q8_0' },
    { type: 'q4_0' },
    { policy: 'hadamard' },
    { policy: 'pyramidkv', pyramid: { budget: 0.6 } },
  ])(
    'the cache %j answers as on the processor',
    async (cache) => {
      const [expected, answered] = [await captions({ cache }), await captions({ cache, ...onDevice })];
      expect(answered).toEqual(expected);
    },
    TIMEOUT_MS,
  );

  test(
    'weights that were mapped are the same',
    async () => {
      expect(await captions({ ...onDevice, mmap: 'on' })).toEqual(await captions({}));
    },
    TIMEOUT_MS,
  );

  test.each(['tiny-llava', 'tiny-mobilevlm', 'tiny-mobilevlm-v2'] as const)(
    '%s: image tokens are within the tolerance',
    async (name) => {
      const mmproj = await writeTinyMmproj(name, join(folder, `${name}.gguf`));
      const tiles = await readParityTiles(name, (await readParityCase(name)).pixelShape ?? []);
      const [[expected = new Float32Array()], [encoded = new Float32Array()]] = [
        await encodeTiles(mmproj, tiles),
        await encodeTiles(mmproj, tiles, openTestDevice),
      ];
      expect(relativeError(encoded, expected)).toBeLessThan(TOLERANCE);
    },
    TIMEOUT_MS,
  );

  test(
    'tiny-llama in f32: logits are within the tolerance',
    async () => {
      const { model: tiny } = await tinyModel('tiny-llama-spm');
      const [expected, found] = [await logitsOf(tiny), await logitsOf(tiny, onDevice)];
      expect(Math.max(...found.map((row, i) => relativeError(row, expected[i] ?? new Float32Array())))).toBeLessThan(TOLERANCE);
    },
    TIMEOUT_MS,
  );

  // The last: old drivers in software trip over memory that is given back between two graphs.
  test('the processor helps with what the device has no kernel for', async () => {
    using backend = openTestDevice();
    using context = new TensorContext('rows', backend, 1);
    const stored = context.create('f16', [8, 4]);
    using memory = new Buffer('rows', context, backend.defaultBufferType, [stored]);
    memory.edit(stored, 64, (bytes) => new Uint16Array(bytes.buffer).fill(0x4000)); // 2 in f16
    using graph = new Graph('helped', backend, 8, [memory]);
    const weights = graph.input('f32', [3, 4], 'weights');
    // Devices multiply f32 alone in this way.
    const sums = graph.output(graph.scale(graph.outProduct(stored, weights), 0.5));
    using allocator = new GraphAllocator(backend);
    allocator.place(graph);
    expect([...backend.helpedWith]).toEqual(['OUT_PROD']);
    const values = Float32Array.from({ length: 12 }, (_, i) => i);
    graph.set(weights, values, values.byteLength);
    await backend.compute(graph.pointer);
    const found = new Float32Array(24);
    graph.get(sums, found, 0, found.byteLength);
    expect([...found]).toEqual([0 + 3 + 6 + 9, 1 + 4 + 7 + 10, 2 + 5 + 8 + 11].flatMap((sum) => new Array<number>(8).fill(sum)));
  });
});

async function captions(options: Parameters<typeof loadShapes>[0]): Promise<number[][]> {
  using engine = await loadShapes({ context: CONTEXT, ...options });
  const tokens: number[][] = [];
  for (const index of [0, 1]) {
    const { image } = await sceneFor(engine, index);
    tokens.push((await ask(engine, [user('Describe the picture.', image)])).tokens);
  }
  return tokens;
}

async function logitsOf(file: string, on: typeof onDevice = {}): Promise<Float32Array[]> {
  using engine = await Engine.load({ model: file, threads: 1, context: CONTEXT, ...on });
  const tokens = pseudoRandomTokens(24, engine.shape.vocabulary);
  return await teacherForced(engine.runner, { tokens: tokens.subarray(0, 8) }, [...tokens.subarray(8)]);
}
