import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateRequest, GenerateResult, Generator } from '../../../core/generator.js';
import type { OpenRuntime } from '../../../core/runtime.js';
import { runTtftScenario, type RunnerName, type TtftEvent, type TtftScenarioOptions } from './ttft-scenario.js';

const UNKNOWN = {
  queue_ms: null,
  tokenise_ms: null,
  prepare_ms: null,
  encode_ms: null,
  prefill_ms: null,
  decode_ms: null,
  sample_ms: null,
};
const DESCRIPTION = {
  name: 'double',
  architecture: 'unknown',
  precision: 'unknown',
  parameters: null,
  contextLength: null,
  vocabularySize: null,
  vision: null,
  weightBytes: null,
  cacheBytes: null,
  load_ms: 0,
  warnings: [],
};

/** Time that passes only when the double says so. */
class TestClock {
  ms = 0;
  now_ms(): number {
    return this.ms;
  }
  wallTime(): string {
    return '2030-01-01T00:00:00.000Z';
  }
}

interface Double {
  readonly open: () => Promise<OpenRuntime>;
  readonly requests: GenerateRequest[];
  closed: number;
}

/** Answers each prompt with the pieces that `answer` gives, 10 ms a piece. */
function double(clock: TestClock, answer: (prompt: string, signal: AbortSignal) => Promise<string[]> | string[]): Double {
  const made: Double = {
    requests: [],
    closed: 0,
    open: () =>
      Promise.resolve({
        generator,
        effectivePrecision: 'fp32',
        load_ms: 1,
        pids: () => [],
        close: () => {
          made.closed++;
          return Promise.resolve();
        },
      }),
  };
  const generator: Generator = {
    description: DESCRIPTION,
    async *generate(request, signal = new AbortController().signal) {
      made.requests.push(request);
      if (!('prompt' in request.input)) throw new EdgeVlmError('INTERNAL', 'expected a prompt');
      const pieces = await answer(request.input.prompt, signal);
      for (const text of pieces) {
        clock.ms += 10;
        yield { type: 'token', token: null, text };
      }
      const result: GenerateResult = {
        text: pieces.join(''),
        finishReason: signal.aborted ? 'cancelled' : 'length',
        promptTokens: 3,
        imageTokens: 0,
        cachedTokens: null,
        completionTokens: pieces.length,
        timings: { ...UNKNOWN, ttft_ms: 0, total_ms: 0 },
        serverTimings: { cache_n: 2, prompt_ms: 5 },
        warnings: [],
      };
      yield { type: 'done', result };
    },
    close: () => Promise.resolve(),
  };
  return made;
}

const run = (runners: Partial<Record<RunnerName, Double>>, options: Partial<TtftScenarioOptions>) =>
  runTtftScenario({
    runners: Object.entries(runners).map(([name, { open }]) => ({ name: name as RunnerName, open })),
    sets: [{ type: 'short', source: 's', prompts: ['one two', 'three'] }],
    maxTokens: 4,
    repetitions: 1,
    warmup: 0,
    reuse: false,
    timeout_ms: 60_000,
    signal: new AbortController().signal,
    ...options,
  });

describe('the TTFT scenario', () => {
  it('times to the first text that is not empty, and asks greedily for cold answers', async () => {
    const clock = new TestClock();
    const baseline = double(clock, () => ['', '', 'a', 'b']);
    const { attempts, partial } = await run({ baseline }, { clock });
    expect(partial).toBe(false);
    expect(attempts[0]).toMatchObject({ promptType: 'short', promptIndex: 0, repetition: 0, runner: 'baseline' });
    expect(attempts[0]?.outcome).toMatchObject({ ttft_ms: 30, total_ms: 40, text: 'ab', pieces: 2, cachedTokens: 2, serverPrompt_ms: 5 });
    expect(baseline.requests[0]).toEqual({ input: { prompt: 'one two' }, maxTokens: 4, sampling: { temperature: 0 }, reuse: false });
    expect(baseline.closed).toBe(1);
  });

  it('lets the runners take turns, the second round backwards', async () => {
    const clock = new TestClock();
    const { attempts } = await run(
      { baseline: double(clock, () => ['a']), llamacpp: double(clock, () => ['a']) },
      { clock, repetitions: 2 },
    );
    expect(attempts.map(({ runner, promptIndex, repetition }) => `${repetition}${promptIndex}${runner.charAt(0)}`)).toEqual([
      '00b',
      '00l',
      '01b',
      '01l',
      '10l',
      '10b',
      '11l',
      '11b',
    ]);
  });

  it('warms up with a prompt of the same length that shares no beginning, and keeps it apart', async () => {
    const clock = new TestClock();
    const baseline = double(clock, () => ['a']);
    const { attempts, warmup } = await run({ baseline }, { clock, warmup: 2 });
    expect(baseline.requests.map(({ input }) => ('prompt' in input ? input.prompt : ''))).toEqual([
      'two one',
      'two one',
      'one two',
      'three',
    ]);
    expect(attempts).toHaveLength(2);
    expect(warmup).toEqual([1, 2].map(() => ({ runner: 'baseline', promptType: 'short', ttft_ms: 10 })));
  });

  it('keeps a failure as the outcome of its attempt and goes on', async () => {
    const clock = new TestClock();
    const baseline = double(clock, (prompt) => {
      if (prompt === 'three') return ['a'];
      throw new EdgeVlmError('CONTEXT_FULL', 'too long');
    });
    const { attempts } = await run({ baseline }, { clock });
    expect(attempts.map(({ outcome }) => (outcome instanceof EdgeVlmError ? outcome.code : outcome.text))).toEqual(['CONTEXT_FULL', 'a']);
  });

  it('fails an answer without text: there is no first token', async () => {
    const clock = new TestClock();
    const { attempts } = await run({ baseline: double(clock, () => ['']) }, { clock });
    expect(attempts.map(({ outcome }) => outcome)).toEqual([1, 2].map(() => expect.objectContaining({ code: 'NO_TEXT' }) as unknown));
  });

  it('fails every attempt of a runner that cannot be opened, and none of the other', async () => {
    const clock = new TestClock();
    const missing = { ...double(clock, () => []), open: () => Promise.reject(new EdgeVlmError('LOAD_ERROR', 'no python')) };
    const events: TtftEvent[] = [];
    const llamacpp = double(clock, () => ['a']);
    const { attempts } = await run({ baseline: missing, llamacpp }, { clock, onEvent: (event) => events.push(event) });
    expect(attempts.map(({ runner, outcome }) => [runner, outcome instanceof EdgeVlmError])).toEqual([
      ['baseline', true],
      ['llamacpp', false],
      ['baseline', true],
      ['llamacpp', false],
    ]);
    expect(events.filter(({ type }) => type === 'unopened')).toHaveLength(1);
    expect(llamacpp.closed).toBe(1);
  });

  it('gives up an answer that takes too long', async () => {
    const clock = new TestClock();
    const never = double(clock, async (_, signal) => {
      await sleep(60_000, undefined, { signal }).catch(() => undefined);
      return [];
    });
    const { attempts } = await run({ baseline: never }, { clock, timeout_ms: 1 });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(
      [1, 2].map(() => expect.objectContaining({ code: 'ENGINE_TIMEOUT' }) as unknown),
    );
  });

  it('keeps what was finished when it is stopped', async () => {
    const clock = new TestClock();
    const stop = new AbortController();
    const baseline = double(clock, (prompt) => {
      if (prompt === 'three') stop.abort();
      return ['a'];
    });
    const { attempts, partial } = await run({ baseline }, { clock, signal: stop.signal });
    expect([attempts.length, partial, baseline.closed]).toEqual([1, true, 1]);
  });
});
