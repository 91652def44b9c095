import { describe, expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import type { DetailedEvent, GenerateRequest } from '../../../core/generator.js';
import type { ProgressEvent } from '../../../core/progress.js';
import type { MeasuredGenerator, TimedPicture } from './precision-turn.js';
import { runPrecisionsScenario, type PrecisionsScenarioOptions, type PrecisionsScenarioResult } from './precisions-scenario.js';

const VISION = { kind: 'idefics3', tileSize: 8, longestEdge: 8, splitting: false, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const TIMINGS = {
  queue_ms: 0,
  tokenise_ms: 1,
  prepare_ms: 0,
  encode_ms: 2,
  prefill_ms: 3,
  decode_ms: 4,
  sample_ms: 5,
  ttft_ms: 6,
  total_ms: 15,
};

/** Several precisions that say back what they were asked; everything that happens is noted down. */
class Stage {
  readonly log: string[] = [];
  readonly running = new Set<string>();
  mostRunning = 0;
  onRequest: (count: number) => void = () => undefined;
  #requests = 0;

  generator(name: string, fail?: (requests: number) => boolean): MeasuredGenerator {
    this.log.push(`load ${name}`);
    this.running.add(name);
    this.mostRunning = Math.max(this.mostRunning, this.running.size);
    const generate = async function* (
      this: Stage,
      { input, reuse }: GenerateRequest,
      signal?: AbortSignal,
    ): AsyncGenerator<DetailedEvent, void, void> {
      await Promise.resolve();
      this.onRequest(++this.#requests);
      if (fail?.(this.#requests) === true) throw new EdgeVlmError('ENGINE_CRASHED', 'gone');
      const parts = 'messages' in input ? input.messages.flatMap(({ content }) => content) : [];
      const text = parts.map((part) => (part.type === 'text' ? part.text : part.type === 'image' ? part.image.hash : '')).join(' ');
      this.log.push(`${name} ${text}${reuse === false ? '' : ' (reuse)'}`);
      yield { type: 'token', token: 0, text: '' };
      yield { type: 'token', token: 1, text };
      const finishReason = signal?.aborted === true ? 'cancelled' : 'stop';
      const counts = { promptTokens: 9, imageTokens: 4, cachedTokens: 2, completionTokens: 3 };
      yield { type: 'done', result: { text, finishReason, ...counts, timings: TIMINGS, warnings: [] } };
    }.bind(this);
    return {
      pid: undefined,
      description: {
        ...{ name, architecture: 'none', precision: name, parameters: 0, contextLength: 64, vocabularySize: 0 },
        ...{ vision: VISION, weightBytes: 0, cacheBytes: 0, load_ms: 7, warnings: [] },
      },
      generate,
      close: () => {
        this.running.delete(name);
        return Promise.resolve();
      },
    };
  }
}

const picture = (index: number): Promise<TimedPicture> =>
  Promise.resolve({
    truth: { objects: [], captions: ['c'], questions: [{ kind: 'k', question: 'Q?', answer: 'a' }] },
    image: { tiles: [], rows: 0, columns: 0, hash: `#${index}` },
    picture_ms: 100,
    preprocess_ms: 50,
  });

function run(stage: Stage, options: Partial<PrecisionsScenarioOptions> = {}): Promise<PrecisionsScenarioResult> {
  const candidates = ['f16', 'q4_0'].map((name) => ({ name, start: () => Promise.resolve(stage.generator(name)) }));
  const asked = { picture, prompt: 'Describe.', captionTokens: 9, answerTokens: 4, signal: new AbortController().signal };
  return runPrecisionsScenario({ candidates, count: 3, repetitions: 2, ...asked, ...options });
}

const indicesOf = ({ measurements }: PrecisionsScenarioResult): [string, number[]][] =>
  measurements.map(({ name, turns }) => [name, turns.flatMap(({ pictures }) => pictures.map(({ index }) => index))]);

describe('comparing precisions', () => {
  it('lets them take turns, forwards and backwards, one loaded at a time, and warms up with a picture that is not scored', async () => {
    const stage = new Stage();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => void events.push(event);
    const result = await run(stage, { onProgress });
    expect(stage.log).toEqual([
      ...['load f16', 'f16 #3 Describe.', 'f16 #0 Describe.', 'f16 #0 Q? (reuse)'],
      ...['load q4_0', 'q4_0 #3 Describe.', 'q4_0 #0 Describe.', 'q4_0 #0 Q? (reuse)'],
      ...['load q4_0', 'q4_0 #3 Describe.', 'q4_0 #1 Describe.', 'q4_0 #1 Q? (reuse)', 'q4_0 #2 Describe.', 'q4_0 #2 Q? (reuse)'],
      ...['load f16', 'f16 #3 Describe.', 'f16 #1 Describe.', 'f16 #1 Q? (reuse)', 'f16 #2 Describe.', 'f16 #2 Q? (reuse)'],
    ]);
    expect([stage.mostRunning, stage.running.size]).toEqual([1, 0]);
    expect(indicesOf(result)).toEqual([
      ['f16', [0, 1, 2]],
      ['q4_0', [0, 1, 2]],
    ]);
    expect(result.measurements[0]?.turns.map(({ load_ms }) => load_ms)).toEqual([7, 7]);
    expect(events.filter(({ type }) => type === 'advance')).toHaveLength(6);
    expect(events.at(-1)).toMatchObject({ type: 'end', done: 6 });
  });

  it('counts reading and preparing the picture into the latency, and its stages add up to it', async () => {
    const { measurements } = await run(new Stage());
    const measured = measurements[0]?.turns[0]?.pictures[0];
    if (measured === undefined) throw new Error('no picture');
    expect(measured).toMatchObject({ caption: '#0 Describe.', answers: ['#0 Q?'], caption_ms: 15, prefillTokens: 7 });
    expect(measured.stages).toMatchObject({ picture: 100, preprocess: 50, tokenise: 1, encode: 2, prefill: 3, decode: 4, sample: 5 });
    expect(measured.latency_ms).toBeGreaterThan(150);
    expect(measured.ttft_ms).toBeLessThanOrEqual(measured.latency_ms);
    // The fake engine says it took longer than it did, so nothing is left between.
    expect(measured.stages.other).toBe(0);
  });

  it('begins no round after its time, but finishes the first', async () => {
    const { measurements, failures } = await run(new Stage(), { limit_ms: 0 });
    expect([measurements.map(({ turns }) => turns.length), failures]).toEqual([[1, 1], []]);
    expect((await run(new Stage(), { limit_ms: 60_000 })).measurements.map(({ turns }) => turns.length)).toEqual([2, 2]);
  });

  it('has no more rounds than pictures', async () => {
    const { measurements } = await run(new Stage(), { count: 2, repetitions: 50 });
    expect(measurements.map(({ turns }) => turns.length)).toEqual([2, 2]);
  });

  it.each([
    ['in the first turn', 2, []],
    ['when one precision has had its first turn', 5, [['f16', [0]]]],
    [
      'in the second round',
      8,
      [
        ['f16', [0]],
        ['q4_0', [0]],
      ],
    ],
    [
      'when all but the last precision has finished',
      14,
      [
        ['f16', [0]],
        ['q4_0', [0]],
      ],
    ],
  ])('stopped %s it keeps what can be compared', async (_, request, kept) => {
    const stage = new Stage();
    const controller = new AbortController();
    stage.onRequest = (count) => {
      if (count === request) controller.abort();
    };
    const result = await run(stage, { signal: controller.signal });
    expect(indicesOf(result)).toEqual(kept);
    expect(result.failures).toEqual([]);
    expect(stage.running.size).toBe(0);
  });

  it('goes on without a precision that cannot be loaded, is too big, or crashes', async () => {
    const stage = new Stage();
    const start = (name: string, error: EdgeVlmError) => ({ name, start: () => Promise.reject(error) });
    const result = await run(stage, {
      candidates: [
        start('q2_k', new EdgeVlmError('MODEL_UNSUPPORTED', 'no kernel')),
        { name: 'f16', start: () => Promise.resolve(stage.generator('f16')) },
        start('f32', new EdgeVlmError('OUT_OF_MEMORY', 'too big')),
        { name: 'q4_0', start: () => Promise.resolve(stage.generator('q4_0', () => true)) },
      ],
    });
    expect(indicesOf(result)).toEqual([['f16', [0, 1, 2]]]);
    expect(result.failures.map(({ name, status, error }) => [name, status, error.code])).toEqual([
      ['q2_k', 'load_error', 'MODEL_UNSUPPORTED'],
      ['f32', 'oom', 'OUT_OF_MEMORY'],
      ['q4_0', 'error', 'ENGINE_CRASHED'],
    ]);
    expect(stage.running.size).toBe(0);
    expect(stage.log.filter((line) => line === 'load q4_0')).toHaveLength(1);
  });
});
