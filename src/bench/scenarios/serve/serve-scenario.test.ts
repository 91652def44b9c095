import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateEvent, GenerateRequest, GenerateResult, Generator, ModelDescription } from '../../../core/generator.js';
import { poissonTimes } from './offer-load.js';
import { serveFigures } from './serve-figures.js';
import { serveSamples, serveScores } from './serve-samples.js';
import { runServeScenario, serveCounts, type ServeScenarioOptions } from './serve-scenario.js';
import { serveVerdicts } from './serve-verdicts.js';

const DESCRIPTION: ModelDescription = {
  ...{ name: 'fake', architecture: 'unknown', precision: 'unknown', parameters: null, contextLength: null, vocabularySize: null },
  ...{ vision: null, weightBytes: null, cacheBytes: null, load_ms: 0, warnings: [] },
};

/** A server that remembers what it was asked and how many asked at once; `first_ms` before the first text. */
class FakeServer implements Generator {
  readonly description = DESCRIPTION;
  readonly asked: GenerateRequest[] = [];
  mostAtOnce = 0;
  #running = 0;

  constructor(
    private readonly first_ms: number,
    private readonly token_ms = 1,
    private readonly fails: (index: number) => EdgeVlmError | undefined = () => undefined,
  ) {}

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const failure = this.fails(this.asked.push(request) - 1);
    if (failure !== undefined) throw failure;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running);
    const begin = performance.now();
    let tokens = 0;
    try {
      await sleep(this.first_ms);
      for (; tokens < request.maxTokens && signal?.aborted !== true; tokens++) {
        yield { type: 'token', token: null, text: 'word ' };
        await sleep(this.token_ms);
      }
    } finally {
      this.#running--;
    }
    const result: GenerateResult = {
      text: 'word',
      finishReason: signal?.aborted === true ? 'cancelled' : 'length',
      ...{ promptTokens: 10, imageTokens: null, cachedTokens: 0, completionTokens: tokens, warnings: [] },
      timings: {
        ...{ queue_ms: null, tokenise_ms: null, prepare_ms: null, encode_ms: null, prefill_ms: null, decode_ms: null, sample_ms: null },
        ...{ ttft_ms: 0, total_ms: 0 },
      },
      serverTimings: { total_ms: performance.now() - begin },
    };
    yield { type: 'done', result };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const amounts = {
  loads: [
    { kind: 'clients', clients: 1 },
    { kind: 'clients', clients: 3 },
  ],
  ...{ requests: 6, rounds: 2, warmup: 1, maxTokens: 3, secondQuestions: 2, evictWith: 3, stallPictures: 1, stallTokens: 500 },
  ...{ overheadPictures: 0, timeout_ms: 10_000, seed: 1 },
} as const;

function run(servers: readonly Generator[], more: Partial<ServeScenarioOptions> = {}): ReturnType<typeof runServeScenario> {
  return runServeScenario({
    ...amounts,
    targets: servers.map((generator, at) => ({ side: at === 0 ? 'server' : 'peer', generator })),
    picture: (index) => Promise.resolve(Uint8Array.of(index >> 8, index & 255)),
    signal: new AbortController().signal,
    ...more,
  });
}

const pictureOf = ({ input }: GenerateRequest): string | undefined => {
  if (!('messages' in input)) return undefined;
  const part = input.messages[0]?.content.find(({ type }) => type === 'picture');
  return part?.type === 'picture' ? part.bytes.join() : undefined;
};

describe('two servers under load', () => {
  it('get the same pictures, each new one once, from as many clients as were asked for', async () => {
    const [ours, theirs] = [new FakeServer(2), new FakeServer(2)];
    const result = await run([ours, theirs]);
    const shown = ours.asked.map(pictureOf).filter((picture) => picture !== undefined);
    expect(
      theirs.asked
        .map(pictureOf)
        .filter((picture) => picture !== undefined)
        .sort(),
    ).toEqual(shown.toSorted());
    const counts = serveCounts(amounts, 2);
    expect(new Set(shown).size).toBe(counts.pictures);
    // Second questions are about a picture that was shown.
    expect(shown.length - new Set(shown).size).toBe(3 * amounts.secondQuestions);
    expect(ours.mostAtOnce).toBe(3);
    expect(result.blocks.map(({ side, round }) => `${side} ${round}`)).toEqual([
      ...['server 0', 'peer 0', 'server 0', 'peer 0'],
      ...['peer 1', 'server 1', 'peer 1', 'server 1'],
    ]);
    expect(serveVerdicts(result).map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'pass', 'pass']);
  });

  it('count what fails, by code and status, and time only answers', async () => {
    const full = new EdgeVlmError('SERVER_AWAY', 'host answers 429: come again');
    const result = await run([new FakeServer(1, 1, (index) => (index % 4 === 2 ? full : undefined))], {
      ...{ rounds: 1, secondQuestions: 0, stallPictures: 0 },
    });
    const [row] = serveFigures(result, 1).loads;
    expect(row?.server?.errors).toEqual({ 'SERVER_AWAY 429': 2 });
    expect(row?.server?.answered).toBe(4);
    expect(serveVerdicts(result)[0]).toMatchObject({ name: 'errors:server', outcome: 'fail' });
    expect(serveSamples(result).find(({ name }) => name === 'server/clients_1/ttft_ms')?.values).toHaveLength(4);
  });

  it('tell the longest gap of a stream while pictures come, and nothing where it ended before them', async () => {
    const long = await run([new FakeServer(30)], { rounds: 0, secondQuestions: 0 });
    const { gaps_ms } = long.stalls[0] ?? {};
    expect(gaps_ms?.length).toBeGreaterThan(0);
    expect(serveFigures(long, 1).stall_ms_max.server).toBe(Math.max(...(gaps_ms ?? [])));
    expect(serveScores(serveFigures(long, 1), long).map(({ name }) => name)).toContain('server.stall_ms_max');
    const short = await run([new FakeServer(30)], { rounds: 0, secondQuestions: 0, stallTokens: 2 });
    expect(short.stalls).toEqual([{ side: 'server', gaps_ms: null }]);
    expect(serveFigures(short, 1).stall_ms_max).toEqual({});
  });

  it('are left at Ctrl-C with what was finished', async () => {
    const stop = new AbortController();
    let answers = 0;
    const result = await run([new FakeServer(1)], {
      signal: stop.signal,
      onAnswer: () => {
        if (++answers === 9) stop.abort();
      },
    });
    expect(result.partial).toBe(true);
    expect(result.blocks).toHaveLength(1);
  });

  it('are not measured when they cannot answer at all', async () => {
    const away = new EdgeVlmError('SERVER_AWAY', 'nobody listens');
    await expect(run([new FakeServer(1, 1, () => away)])).rejects.toThrow('nobody listens');
  });

  it('are compared with the model in this process', async () => {
    const result = await run([new FakeServer(30)], {
      rounds: 0,
      secondQuestions: 0,
      stallPictures: 0,
      overheadPictures: 3,
      inProcess: new FakeServer(5),
    });
    expect(result.overhead).toHaveLength(3);
    expect(serveFigures(result, 1).overhead_in_process_ms_p50).not.toBeNull();
  });
});

describe('an open loop', () => {
  it('does not wait for answers, and times each from when it was to start', async () => {
    // One at a time would take 12 × 60 ms.
    const server = new FakeServer(60);
    const result = await run([server], {
      loads: [{ kind: 'rate', rate: 100 }],
      requests: 12,
      rounds: 1,
      secondQuestions: 0,
      stallPictures: 0,
    });
    expect(server.mostAtOnce).toBeGreaterThan(2);
    const [row] = serveFigures(result, 1).loads;
    expect(row).toMatchObject({ load: 'rate_100', rate: 100, clients: null });
    expect(row?.server?.ttft_ms?.p50.value).toBeGreaterThanOrEqual(59);
  });

  it('has arrivals of a Poisson process: the same for a seed, pauses of mean 1 / rate that scatter as much', () => {
    const times = poissonTimes(4000, 50, 7);
    expect(poissonTimes(4000, 50, 7)).toEqual(times);
    const pauses = times.slice(1).map((time, at) => time - (times[at] ?? NaN));
    const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
    const deviation = Math.sqrt(pauses.reduce((sum, pause) => sum + (pause - mean) ** 2, 0) / pauses.length);
    expect(mean).toBeCloseTo(20, -0.5);
    expect(deviation / mean).toBeCloseTo(1, 1);
    expect(times[0]).toBe(0);
  });
});
