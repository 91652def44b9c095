import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { GenerateRequest, GenerateResult, Generator } from '../../src/core/generator.js';
import { isProcessAlive } from '../../src/core/is-process-alive.js';
import type { OpenRuntime, RuntimeName, RuntimeSpec } from '../../src/core/runtime.js';
import { RUNTIME_NAMES } from '../../src/core/runtime.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { RUNTIMES } from '../../src/runtimes/registry.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';
import { fakeLlamaServer, runFakeLlamaServer } from './support/fake-llama-server.js';
import { hasPython, testPython } from './support/python-environment.js';
import { scenePng } from './support/scene-png.js';

/** One way to run a model on this machine. */
interface Subject {
  readonly title: string;
  readonly runtime: RuntimeName;
  /** Why it is not tested here; null when it is. */
  readonly skip: string | null;
  readonly spec: () => Promise<Partial<RuntimeSpec>>;
  readonly precision: string;
  readonly processes: number;
  readonly pictures: 'reads' | 'refuses' | 'ignores';
  /** Whether the answer to the first request goes on for as long as it may. */
  readonly endless: boolean;
}

const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
const REAL_SERVER = process.env['EDGEVLM_TEST_LLAMA_SERVER'];
const WINDOWS = process.platform === 'win32' ? 'its shim is a shell script' : null;
const KEY = 'a key';

const folder = await temporaryFolder();
const tiny = await tinyModel('tiny-smolvlm');
const picture = await scenePng(0);

let stopServer = (): Promise<void> => Promise.resolve();
afterAll(() => stopServer());

const SUBJECTS: readonly Subject[] = [
  {
    ...{ title: 'engine', runtime: 'engine', skip: null, precision: 'F32', processes: 1, pictures: 'reads', endless: true },
    spec: () => Promise.resolve(tiny),
  },
  {
    ...{ title: 'llama-cpp', runtime: 'llama-cpp', skip: null, precision: 'F32', processes: 1, pictures: 'refuses', endless: true },
    spec: () => Promise.resolve({ model: tiny.model }),
  },
  {
    ...{
      title: 'llama-server (a fake)',
      runtime: 'llama-server',
      skip: WINDOWS,
      precision: 'F32',
      processes: 1,
      pictures: 'reads',
      endless: true,
    },
    spec: async () => ({ ...tiny, llamaServer: await fakeLlamaServer(folder) }),
  },
  {
    ...{ title: 'llama-server', runtime: 'llama-server', precision: 'F16', processes: 1, pictures: 'reads', endless: false },
    skip: REAL_SERVER === undefined ? 'EDGEVLM_TEST_LLAMA_SERVER does not say where one is' : null,
    // No random weights: it refuses bytes that are no text.
    spec: () =>
      Promise.resolve({
        model: `${SHAPES}shapes-f16.gguf`,
        mmproj: `${SHAPES}mmproj-shapes-f16.gguf`,
        ...(REAL_SERVER !== undefined && { llamaServer: REAL_SERVER }),
      }),
  },
  {
    ...{ title: 'openai-http', runtime: 'openai-http', skip: null, precision: 'F32', processes: 0, pictures: 'reads', endless: true },
    spec: async () => {
      const { url, stop } = await runFakeLlamaServer(KEY);
      stopServer = stop;
      return { url };
    },
  },
  {
    ...{ title: 'transformers-js', runtime: 'transformers-js', precision: 'q8', processes: 1, pictures: 'reads', endless: false },
    skip: (await (await RUNTIMES['transformers-js']()).check()).available ? null : 'the package is not installed',
    spec: () => Promise.resolve({ model: SHAPES, quantization: 'int8' }),
  },
  {
    ...{ title: 'python', runtime: 'python', precision: 'fp32', processes: 1, pictures: 'reads', endless: false },
    skip: hasPython() ? null : 'there is no environment with PyTorch',
    spec: async () => {
      vi.stubEnv('EDGEVLM_PYTHON', await testPython());
      return { model: SHAPES };
    },
  },
  {
    ...{ title: 'null', runtime: 'null', skip: null, precision: 'none', processes: 0, pictures: 'ignores', endless: true },
    spec: () => Promise.resolve({}),
  },
];

/** Random weights go on and on after a prompt; a trained model answers a question. */
const ENDLESS: readonly [GenerateRequest, GenerateRequest] = [
  { input: { prompt: 'The green triangle' }, maxTokens: 12 },
  { input: { prompt: 'There are 12 stars' }, maxTokens: 7 },
];
const QUESTIONS: readonly [GenerateRequest, GenerateRequest] = [
  { input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Describe the picture.' }] }] }, maxTokens: 12 },
  { input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'How many objects are there?' }] }] }, maxTokens: 7 },
];
const look = (bytes: Uint8Array): GenerateRequest => ({
  input: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'picture', bytes },
          { type: 'text', text: 'What is it?' },
        ],
      },
    ],
  },
  maxTokens: 5,
});

/** A whole answer, and what streamed before it. @throws unless the stream ends with exactly one result */
async function answer(
  generator: Generator,
  request: GenerateRequest,
  { signal, onToken }: { signal?: AbortSignal; onToken?: (count: number) => void } = {},
): Promise<GenerateResult & { pieces: string[]; tokens: (number | null)[] }> {
  const pieces: string[] = [];
  const tokens: (number | null)[] = [];
  const results: GenerateResult[] = [];
  for await (const event of generator.generate(request, signal)) {
    expect(results).toEqual([]);
    if (event.type === 'done') results.push(event.result);
    else {
      pieces.push(event.text);
      tokens.push(event.token);
      onToken?.(pieces.length);
    }
  }
  const [result] = results;
  if (result === undefined || results.length > 1) throw new Error(`${results.length} results`);
  return { ...result, pieces, tokens };
}

test('every runtime is in the suite', () => {
  expect(new Set(SUBJECTS.map(({ runtime }) => runtime))).toEqual(new Set(RUNTIME_NAMES));
});

for (const { title, runtime: name, skip, spec, precision, processes, pictures, endless } of SUBJECTS) {
  describe.skipIf(skip !== null)(skip === null ? title : `${title}, not here: ${skip}`, () => {
    const [first, second] = endless ? ENDLESS : QUESTIONS;
    let open: OpenRuntime;
    beforeAll(async () => {
      vi.stubEnv('EDGEVLM_API_KEY', KEY);
      const runtime = await RUNTIMES[name]();
      expect(runtime.name).toBe(name);
      open = await runtime.open({ model: '', device: 'cpu', quantization: 'none', threads: 1, context: 512, ...(await spec()) });
    }, 300_000);
    afterAll(async () => {
      await open.close();
      vi.unstubAllEnvs();
    });

    test('says what it computes with, and where', () => {
      expect(open.effectivePrecision).toBe(precision);
      expect(open.generator.description.warnings).toEqual([]);
      expect(open.load_ms).toBeGreaterThanOrEqual(0);
      expect(open.pids().map(isProcessAlive)).toEqual(Array.from({ length: processes }, () => true));
    });

    test('streams an answer, tells it once more at the end, and when each piece came', async () => {
      const { text, pieces, finishReason, completionTokens, timings, tokenTimes_ms = [] } = await answer(open.generator, first);
      expect(pieces.join('')).toBe(text);
      expect(['length', 'stop']).toContain(finishReason);
      expect(completionTokens).toBeLessThanOrEqual(first.maxTokens);
      if (endless) expect([finishReason, completionTokens]).toEqual(['length', first.maxTokens]);
      expect(tokenTimes_ms).toHaveLength(pieces.length);
      expect([...tokenTimes_ms].sort((a, b) => a - b)).toEqual(tokenTimes_ms);
      expect(tokenTimes_ms[0]).toBeLessThanOrEqual(timings.ttft_ms);
      expect(timings.total_ms).toBeGreaterThanOrEqual(tokenTimes_ms.at(-1) ?? Infinity);
      for (const time of Object.values(timings)) if (time !== null) expect(time).toBeGreaterThanOrEqual(0);
    });

    test('ends before a stop string', async () => {
      const { text } = await answer(open.generator, first);
      const stop = text.slice(Math.ceil(text.length / 2), Math.ceil(text.length / 2) + 3);
      const { text: cut, finishReason } = await answer(open.generator, { ...first, stop: [stop] });
      expect([cut, finishReason]).toEqual([text.slice(0, text.indexOf(stop)), 'stop']);
    });

    test('answers two at once as one after the other', async () => {
      const alone = [await answer(open.generator, first), await answer(open.generator, second)];
      const together = await Promise.all([answer(open.generator, first), answer(open.generator, second)]);
      expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    });

    test('led along its own answer, it thinks each token of it the likeliest', async () => {
      const { tokens, promptTokens } = await answer(open.generator, first);
      const given = tokens.flatMap((token) => token ?? []);
      expect(open.score !== undefined).toBe((await RUNTIMES[name]()).tellsLogits);
      if (open.score === undefined) return;
      const scored = await open.score({ input: first.input, tokens: given });
      expect(scored.promptTokens).toBe(promptTokens);
      expect(scored.logits).toHaveLength(given.length + 1);
      expect(scored.logits.slice(0, -1).map((row) => argmax(row))).toEqual(given);
      // Another answer is gone along as well.
      const other = await open.score({ input: first.input, tokens: given.toReversed() });
      expect(other.logits).toHaveLength(given.length + 1);
      expect(argmax(other.logits[0] ?? new Float32Array())).toBe(given[0]);
    });

    test('does not begin what nobody wants any more', async () => {
      // Enough that what is under way in another process when the cancel comes there is not all of it.
      const whole = { ...first, maxTokens: 400 };
      const { finishReason, pieces } = await answer(open.generator, whole, { signal: AbortSignal.abort() });
      expect(finishReason).toBe('cancelled');
      expect(pieces.length).toBeLessThan(whole.maxTokens);
    });

    if (endless) {
      test('stops in the middle, and is free for the next', async () => {
        const abort = new AbortController();
        const whole = { ...first, maxTokens: 400 };
        const { finishReason, pieces } = await answer(open.generator, whole, {
          signal: abort.signal,
          onToken: (count) => {
            if (count === 2) abort.abort();
          },
        });
        expect(finishReason).toBe('cancelled');
        expect(pieces.length).toBeLessThan(whole.maxTokens);
        expect((await answer(open.generator, second)).finishReason).toBe('length');
      });
    }

    test('refuses senseless requests by a code', async () => {
      await expect(answer(open.generator, { ...first, maxTokens: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    });

    if (pictures === 'reads') {
      test('reads pictures from their files', async () => {
        const { finishReason, completionTokens } = await answer(open.generator, look(picture));
        expect(['length', 'stop']).toContain(finishReason);
        expect(completionTokens).toBeGreaterThan(0);
      });
    }

    if (pictures !== 'ignores') {
      test.each([
        ['that it cannot read', pictures === 'refuses' ? picture : Buffer.from('no picture at all')],
        ['that is cut off', picture.subarray(0, picture.length / 2)],
      ])('refuses a picture %s by a code, and goes on', async (_, bytes) => {
        await expect(answer(open.generator, look(bytes))).rejects.toMatchObject({
          code: expect.stringMatching(/^(?:IMAGE_(?:CORRUPT|UNSUPPORTED)|MODEL_UNSUPPORTED|SERVER_REFUSED)$/) as string,
        });
        expect((await answer(open.generator, second)).pieces.length).toBeGreaterThan(0);
      });
    }

    test('leaves no process behind', async () => {
      const pids = open.pids();
      await open.close();
      await open.close();
      expect(pids.filter(isProcessAlive)).toEqual([]);
    });
  });
}

test.each<[RuntimeName, string]>([
  ['engine', 'FILE_NOT_FOUND'],
  ['llama-cpp', 'FILE_NOT_FOUND'],
])('%s refuses a file that is not there by a code', async (name, code) => {
  const open = (await RUNTIMES[name]()).open({ model: '/no/such.gguf', device: 'cpu', quantization: 'none' });
  await expect(open).rejects.toMatchObject({ code });
});

test.each(RUNTIME_NAMES)('%s is checked without a word of complaint', async (name) => {
  const { available, detail, install } = await (await RUNTIMES[name]()).check();
  expect(detail).not.toBe('');
  if (available) expect(install).toBeNull();
});
