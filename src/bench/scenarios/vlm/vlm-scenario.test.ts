import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateEvent, GenerateRequest, Generator, ModelDescription, StageTimings } from '../../../core/generator.js';
import { createRunRecord } from '../../../core/run-record.js';
import type { OpenRuntime } from '../../../core/runtime.js';
import { compareAnswers } from './compare-answers.js';
import type { FailedPicture, VlmPicture } from './measure-picture.js';
import { vlmMeasurement } from './vlm-measurement.js';
import { vlmReport } from './vlm-report.js';
import { vlmResults } from './vlm-results.js';
import { runVlmScenario, type VlmScenarioOptions, type VlmScenarioResult } from './vlm-scenario.js';

const DESCRIPTION: ModelDescription = {
  ...{ name: 'script', architecture: 'none', precision: 'none', parameters: null, contextLength: 100, vocabularySize: null },
  ...{ vision: null, weightBytes: null, cacheBytes: null, load_ms: 0, warnings: [] },
};
const STAGES: Omit<StageTimings, 'ttft_ms' | 'total_ms'> = {
  ...{ queue_ms: 0, tokenise_ms: 1, prepare_ms: 2, encode_ms: null, prefill_ms: 10, decode_ms: 20, sample_ms: null },
};
const RIGHT = 'a small red circle at the top.';

/** Time that passes only when something happens. */
class ScriptedTime implements Clock {
  ms = 0;
  now_ms(): number {
    return this.ms;
  }
  wallTime(): string {
    return '2030-01-02T03:04:05.678Z';
  }
}

/** Answers about a picture, whose only byte is its number: one token after 30 ms, two more 10 ms apart. */
class Script implements Generator {
  readonly description = DESCRIPTION;
  readonly seen: GenerateRequest[] = [];
  running = 0;
  most = 0;

  constructor(
    private readonly time: ScriptedTime,
    private readonly answer: (picture: number) => string | EdgeVlmError,
  ) {}

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    this.seen.push(request);
    this.most = Math.max(this.most, ++this.running);
    await Promise.resolve();
    try {
      const [part] = 'messages' in request.input ? (request.input.messages[0]?.content ?? []) : [];
      const picture = part?.type === 'picture' ? (part.bytes[0] ?? -1) : -1;
      const answer = this.answer(picture);
      if (answer instanceof EdgeVlmError) throw answer;
      for (const [at, text] of ['', answer, ''].entries()) {
        this.time.ms += at === 0 ? 30 : 10;
        yield { type: 'token', token: at, text };
      }
      const counts = { promptTokens: 50, imageTokens: 40, cachedTokens: 0, completionTokens: 3 };
      const finishReason = signal?.aborted === true ? 'cancelled' : 'stop';
      const timings = { ...STAGES, ttft_ms: 30, total_ms: 50 };
      yield { type: 'done', result: { text: answer, finishReason, ...counts, timings, warnings: [] } };
    } finally {
      this.running--;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const time = new ScriptedTime();
function picture(index: number, bytes?: () => Promise<Uint8Array>): VlmPicture {
  const truth = { captions: [RIGHT], objects: [{ shape: 'circle', colour: 'red', size: 'small', position: 'top' }] };
  const read = (): Promise<Uint8Array> => {
    time.ms += 5;
    return Promise.resolve(Uint8Array.of(index));
  };
  return { index, read: bytes ?? read, truth };
}
const pictures = (count: number): VlmPicture[] => Array.from({ length: count }, (_, index) => picture(index));

async function run(generator: Script, options: Partial<VlmScenarioOptions> = {}): Promise<VlmScenarioResult> {
  const runtime: OpenRuntime = {
    ...{ generator, effectivePrecision: 'q0', load_ms: 7 },
    pids: () => [],
    close: () => Promise.resolve(),
  };
  return runVlmScenario({
    open: () => {
      time.ms += 100;
      return Promise.resolve(runtime);
    },
    ...{ pictures: pictures(4), warmup: [picture(200)], prompt: 'Describe.', maxTokens: 9, readsDevice: false, clock: time },
    signal: new AbortController().signal,
    ...options,
  });
}

function measurementOf(result: VlmScenarioResult, key = 'key', unreadable: readonly FailedPicture[] = []) {
  const cpu = { model: null, architecture: 'x64', logicalCores: 1, physicalCores: null, flags: [], governor: null };
  return vlmMeasurement(result, {
    requested: {},
    settings: {
      ...{ model_name: 'script', device: 'cpu', quantization: 'none', num_samples: 4, image_dir: 'dir', runtime: 'null', precision: null },
      ...{ warmup: 1, prompt: 'Describe.', max_tokens: 9, batch: 1, threads: null, context: null },
    },
    environment: { cpu, memory_bytes: 1, os: 'o', kernel: 'k', node: 'v20', edgevlm: null, commit: null },
    models: {},
    datasetSha256: 'a'.repeat(64),
    unreadable,
    vocabulary: { shapes: ['circle', 'star'], colours: ['red', 'blue'], sizes: ['small'], positions: ['top'] },
    answerKey: new TextEncoder().encode(key),
    seed: 0,
  });
}

describe('a run', () => {
  it('times every picture from its file to the end of its answer, cold, and tells where the time went', async () => {
    const script = new Script(time, () => RIGHT);
    const result = await run(script);
    expect(result).toMatchObject({ load_ms: 100, modelLoad_ms: 7, warmup_ms: [55], wall_ms: 4 * 55 });
    for (const one of result.pictures) {
      expect(one).toMatchObject({ status: 'ok', latency_ms: 55, ttft_ms: 45, completionTokens: 3, answer: RIGHT });
      if (one.status !== 'ok') continue;
      expect(one.stages).toEqual({
        read: 5,
        queue: 0,
        tokenise: 1,
        prepare: 2,
        encode: null,
        prefill: 10,
        decode: 20,
        sample: null,
        other: 17,
      });
      expect(Object.values(one.stages).reduce<number>((sum, ms) => sum + (ms ?? 0), 0)).toBe(one.latency_ms);
    }
    expect(script.seen).toHaveLength(5);
    for (const request of script.seen) expect(request).toMatchObject({ reuse: false, maxTokens: 9, sampling: { temperature: 0 } });
  });

  it('keeps what failed beside what was answered, and goes on', async () => {
    const crash = new EdgeVlmError('ENGINE_CRASHED', 'Anna Müller is too much for it');
    const broken = picture(1, () => Promise.reject(new EdgeVlmError('IMAGE_CORRUPT', 'Anna.png is damaged')));
    const told: FailedPicture[] = [];
    const result = await run(new Script(time, (index) => (index === 2 ? crash : RIGHT)), {
      pictures: [picture(0), broken, picture(2), picture(3)],
      onFailure: (failure) => told.push(failure),
    });
    expect(result.pictures.map(({ status }) => status)).toEqual(['ok', 'skipped', 'error', 'ok']);
    expect(told.map(({ index }) => index)).toEqual([1, 2]);
    const record = createRunRecord(measurementOf(result), time);
    expect(record.verdicts[0]).toMatchObject({ name: 'pictures', outcome: 'fail' });
    expect(record.notes.slice(0, 2)).toEqual(['1 picture skipped: IMAGE_CORRUPT.', '1 picture failed: ENGINE_CRASHED.']);
    expect(record.dataset?.items).toBe(2);
    expect(JSON.stringify(record)).not.toMatch(/Anna/);
  });

  it('answers several at a time and keeps their order', async () => {
    const script = new Script(time, (index) => `about ${index}`);
    const result = await run(script, { pictures: pictures(10), batch: 3 });
    expect(script.most).toBe(3);
    expect(result.pictures.map((one) => (one.status === 'ok' ? one.answer : ''))).toEqual(
      Array.from({ length: 10 }, (_, index) => `about ${index}`),
    );
  });

  it('that is stopped keeps what was finished', async () => {
    const controller = new AbortController();
    const script = new Script(time, (index) => {
      if (index === 2) controller.abort();
      return RIGHT;
    });
    const result = await run(script, { signal: controller.signal });
    expect(result.pictures).toHaveLength(2);
    const early = new AbortController();
    const none = run(new Script(time, () => (early.abort(), RIGHT)), { signal: early.signal, warmup: [] });
    await expect(none).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a record', () => {
  it('holds figures and no answer, whose fingerprint needs the key', async () => {
    const result = await run(new Script(time, (index) => (index < 3 ? RIGHT : 'a small blue star at the top.')));
    const record = createRunRecord(measurementOf(result), time);
    expect(JSON.stringify(record)).not.toMatch(/circle at the top|blue star/);
    expect(record.summary['latency_ms']).toMatchObject({ n: 4, mean: 55 });
    expect(record.summary['tpot_ms']?.mean).toBe((55 - 45) / 2);
    expect(record.summary['tokens_per_second']?.mean).toBeCloseTo(3 / 0.055, 9);
    expect(record.summary['prefill_rate']?.mean).toBe(5000);
    expect(record.summary['pictures_per_second']?.mean).toBeCloseTo(4 / 0.22, 9);
    expect(record.samples.find(({ name }) => name === 'stage.encode_ms')).toBeUndefined();
    expect(record.scores?.find(({ name }) => name === 'caption.object_f1')?.value).toBe(0.75);

    const other = createRunRecord(measurementOf(await run(new Script(time, () => RIGHT)), 'key'), time);
    expect(compareAnswers(record, other)).toEqual({ pictures: 4, share: 0.75 });
    const foreign = createRunRecord(measurementOf(result, 'another key'), time);
    expect(compareAnswers(record, foreign).share).toBe(0);
    expect(vlmReport(record).join('\n')).toContain('| latency');
  });

  it('becomes results with a line for each picture; names and answers only where they are asked for', async () => {
    const result = await run(new Script(time, () => RIGHT), { pictures: pictures(2) });
    const unreadable: FailedPicture[] = [{ status: 'skipped', index: 1, error: new EdgeVlmError('IMAGE_CORRUPT', 'x') }];
    const record = createRunRecord(measurementOf(result, 'key', unreadable), time);
    const results = vlmResults(record, { ...result, pictures: result.pictures.slice(0, 1) }, { unreadable });
    expect(results.params).toMatchObject({ model_name: 'script', device: 'cpu', quantization: 'none', num_samples: 2, image_dir: 'dir' });
    expect(results.metrics).toMatchObject({ load_time_seconds: 0.1, inference_latency_ms: 55, memory_mb: null, pictures_skipped: 1 });
    expect(results.samples).toMatchObject([
      { index: 0, status: 'ok', latency_ms: 55, tokens: 3 },
      { index: 1, status: 'skipped', error: 'IMAGE_CORRUPT' },
    ]);
    expect(JSON.stringify(results)).not.toMatch(/circle at the top/);
    const named = vlmResults(record, result, { unreadable: [], nameOf: (index) => `p${index}.png` });
    expect(named.samples[1]).toMatchObject({ image: 'p1.png', answer: RIGHT });
  });
});
