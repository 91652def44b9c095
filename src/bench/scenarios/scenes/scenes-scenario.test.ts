import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateEvent, GenerateRequest, GenerateResult, Generator } from '../../../core/generator.js';
import type { ProgressEvent } from '../../../core/progress.js';
import { runScenesScenario, type ScenePicture } from './scenes-scenario.js';

const TIMINGS = {
  queue_ms: 0,
  tokenise_ms: 0,
  prepare_ms: 0,
  encode_ms: 0,
  prefill_ms: 0,
  decode_ms: 0,
  sample_ms: 0,
  ttft_ms: 0,
  total_ms: 7,
};
const RESULT: Omit<GenerateResult, 'text' | 'finishReason'> = {
  promptTokens: 1,
  imageTokens: 1,
  cachedTokens: 0,
  completionTokens: 1,
  timings: TIMINGS,
  warnings: [],
};

/** Says back what it was asked and about which picture. */
class Parrot implements Generator {
  readonly requests: GenerateRequest[] = [];
  mostAtOnce = 0;
  #running = 0;
  readonly description: Generator['description'] = {
    ...{ name: 'parrot', architecture: 'none', precision: 'none', parameters: 0, contextLength: 0, vocabularySize: 0 },
    ...{ vision: null, weightBytes: 0, cacheBytes: 0, load_ms: 0, warnings: [] },
  };

  constructor(private readonly onRequest: (count: number) => void = () => undefined) {}

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    this.requests.push(request);
    this.onRequest(this.requests.length);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running);
    await setImmediate();
    this.#running--;
    const parts = 'messages' in request.input ? request.input.messages.flatMap(({ content }) => content) : [];
    const text = parts.map((part) => (part.type === 'text' ? part.text : part.type === 'image' ? part.image.hash : '')).join(' ');
    yield { type: 'token', token: 0, text };
    yield { type: 'done', result: { ...RESULT, text, finishReason: signal?.aborted === true ? 'cancelled' : 'stop' } };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const picture = (hash: string): ScenePicture => ({
  image: { tiles: [], rows: 0, columns: 0, hash },
  truth: { objects: [], captions: ['c'], questions: ['Q1?', 'Q2?'].map((question) => ({ kind: 'k', question, answer: 'a' })) },
});
async function* pictures(count: number): AsyncGenerator<ScenePicture, void, void> {
  for (let index = 0; index < count; index++) {
    await Promise.resolve();
    yield picture(`#${index}`);
  }
}
const ASKED = { prompt: 'Describe.', captionTokens: 30, answerTokens: 5 };

describe('asking about scenes', () => {
  it('captions every picture and asks each question about it, greedily, in a conversation of its own', async () => {
    const generator = new Parrot();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => void events.push(event);
    const finished = await runScenesScenario({ generator, pictures: pictures(2), count: 2, ...ASKED, onProgress });
    expect(finished.map(({ caption, answers, caption_ms }) => [caption, ...answers, caption_ms])).toEqual([
      ['#0 Describe.', '#0 Q1?', '#0 Q2?', 7],
      ['#1 Describe.', '#1 Q1?', '#1 Q2?', 7],
    ]);
    expect(generator.requests.map(({ maxTokens }) => maxTokens)).toEqual([30, 5, 5, 30, 5, 5]);
    for (const { sampling } of generator.requests) expect(sampling).toEqual({ temperature: 0 });
    expect(events.map(({ type }) => type)).toEqual(['start', 'advance', 'advance', 'end']);
  });

  it.each([1, 4, 5, 6])('keeps the pictures that were finished when it is stopped in request %i', async (stopAt) => {
    const controller = new AbortController();
    const generator = new Parrot((count) => {
      if (count === stopAt) controller.abort();
    });
    const finished = await runScenesScenario({ generator, pictures: pictures(9), count: 9, ...ASKED, signal: controller.signal });
    expect(finished).toHaveLength(Math.floor((stopAt - 1) / 3));
    expect(generator.requests).toHaveLength(stopAt);
  });

  it('asks about several pictures at once, and still answers in their order', async () => {
    const generator = new Parrot();
    const together = await runScenesScenario({ generator, pictures: pictures(7), count: 7, concurrency: 3, ...ASKED });
    const alone = await runScenesScenario({ generator: new Parrot(), pictures: pictures(7), count: 7, ...ASKED });
    expect(together).toEqual(alone);
    expect(generator.mostAtOnce).toBe(3);
  });

  it('keeps what comes before the first unfinished picture when it is stopped with several at once', async () => {
    const controller = new AbortController();
    const generator = new Parrot((count) => {
      if (count === 14) controller.abort();
    });
    const options = { pictures: pictures(9), count: 9, concurrency: 4, ...ASKED, signal: controller.signal };
    const finished = await runScenesScenario({ generator, ...options });
    expect(finished.length).toBeGreaterThan(0);
    expect(finished.length).toBeLessThan(9);
    expect(finished.map(({ caption }) => caption)).toEqual(finished.map((_, index) => `#${index} Describe.`));
  });

  it('fails with the generator when nobody stopped it', async () => {
    const generator = new Parrot(() => {
      throw new EdgeVlmError('ENGINE_CRASHED', 'gone');
    });
    await expect(runScenesScenario({ generator, pictures: pictures(2), count: 2, ...ASKED })).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
    });
  });
});
