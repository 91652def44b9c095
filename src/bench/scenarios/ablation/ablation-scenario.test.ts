import { describe, expect, test } from 'vitest';
import type { DecodingStatistics } from '../../../core/decoding.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { DetailedDescription, DetailedEvent, DetailedGenerator, DetailedResult, GenerateRequest } from '../../../core/generator.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { AblationPrompt } from './ablation-prompt.js';
import { judgeVariant, type AblationRow } from './ablation-row.js';
import { runAblation, type AblationResult, type AblationVariant } from './ablation-scenario.js';
import { ablationSummary } from './ablation-table.js';

const VOCABULARY: CaptionVocabulary = { shapes: ['circle'], colours: ['red'], sizes: ['small'], positions: ['left'] };
const DESCRIPTION: DetailedDescription = {
  ...{ name: 'fake', architecture: 'none', precision: 'F16', parameters: 1, contextLength: 64, vocabularySize: 16, vision: null },
  ...{ weightBytes: 1, cacheBytes: 1, load_ms: 1, warnings: [] },
};
const STATISTICS: DecodingStatistics = {
  ...{ strategy: 'plain', passes: 4, drafted: 0, judged: 0, accepted: 0, exits: {} },
  ...{ layerEquivalents: 0, fullLayerEquivalents: 0, costs: null },
};

interface Fake {
  /** What it says to a prompt. */
  readonly tokens: (prompt: number, request: GenerateRequest) => number[];
  readonly gap?: number;
  readonly decode_ms?: number;
  readonly decoding?: Partial<DecodingStatistics>;
}

const asked: string[] = [];

/** A model that says what it is told to, in as much time as it is told to have taken. */
function fake(name: string, { tokens, gap = 1, decode_ms = 8, decoding = {} }: Fake): DetailedGenerator & { closed: boolean } {
  return {
    description: DESCRIPTION,
    closed: false,
    async *generate(request): AsyncGenerator<DetailedEvent> {
      await Promise.resolve();
      const { input } = request;
      const [part] = 'messages' in input ? (input.messages[0]?.content ?? []) : [];
      const prompt = Number(part?.type === 'text' ? part.text : NaN);
      const said = tokens(prompt, request);
      if (request.sampling === undefined) asked.push(`${name} ${prompt}`);
      for (const token of said) yield { type: 'token', token, text: 'x' };
      const result: DetailedResult = {
        ...{ text: 'a small red circle on the left', finishReason: 'stop', promptTokens: 4, imageTokens: 0, cachedTokens: 0 },
        ...{ completionTokens: said.length, warnings: [], cacheBytes: 64, decoding: { ...STATISTICS, ...decoding } },
        ...(request.choiceGaps === true && { choiceGaps: [...said.map(() => gap), gap] }),
        timings: {
          ...{ queue_ms: 0, tokenise_ms: 0, prepare_ms: 0, encode_ms: 0, prefill_ms: 0, decode_ms, sample_ms: 0 },
          ...{ ttft_ms: 1, total_ms: 1 + decode_ms },
        },
      };
      yield { type: 'done', result };
    },
    close() {
      this.closed = true;
      return Promise.resolve();
    },
  };
}

const variant = (strategy: string, cache = 'other', isExact = true): AblationVariant => ({ strategy, cache, decoding: {}, isExact });

const prompt = (index: number): Promise<AblationPrompt> =>
  Promise.resolve({
    kind: 'scene',
    messages: [{ role: 'user', content: [{ type: 'text', text: String(index) }] }],
    maxTokens: 8,
    truth: { asks: 'answer', kind: 'colour', answer: 'a small red circle on the left' },
    line: '',
  });

const says = (prompt: number): number[] => [prompt, 2, 3, 4];
const plainly: Fake = { tokens: says };

async function ablate(reference: Fake, other: Fake, of: AblationVariant, sampled = false, count = 100): Promise<AblationResult> {
  return runAblation({
    reference: () => Promise.resolve(fake('plain', reference)),
    groups: [{ start: () => Promise.resolve(fake('other', other)), variants: [of] }],
    ...{ count, prompt, sampling: sampled ? { temperature: 1, seed: 3 } : null, signal: new AbortController().signal },
  });
}

const judge = (result: AblationResult): AblationRow[] =>
  result.measurements.map(
    (measurement) => judgeVariant(measurement, { model: 'fake', vocabulary: VOCABULARY, layers: 8, seed: 0, guesses: null }).row,
  );

describe('a variant that must be exact', () => {
  test('is, where it says the same; and takes turns at going first', async () => {
    asked.length = 0;
    const result = await ablate(plainly, { tokens: says, decode_ms: 4 }, variant('ngram'), true, 4);
    expect(asked.slice(0, 6)).toEqual(['plain 4', 'other 4', 'plain 0', 'other 0', 'other 1', 'plain 1']);
    const [plain, row] = judge(result);
    expect(plain).toMatchObject({
      model: 'fake',
      strategy: 'plain',
      cache: 'full',
      prompts: 4,
      exact: null,
      speedup: 1,
      tokens_per_second: 500,
    });
    expect(row).toMatchObject({ prompts: 4, answers_same: 4, exact: true, excused: 0, different: 0, sampled_exact: true, speedup: 2 });
    expect(row).toMatchObject({ token_agreement: 1, vqa_accuracy: 1, caption_object_f1: null, kv_ratio: 1, kv_bytes_per_token: 8 });
  });

  test('is excused once in a hundred prompts, where the choice was narrow', async () => {
    const once: Fake = { tokens: (at) => (at === 7 ? [7, 2, 9] : says(at)) };
    const [, narrow] = judge(await ablate({ ...plainly, gap: 0.0009 }, once, variant('ngram')));
    expect(narrow).toMatchObject({ exact: true, excused: 1, different: 0, answers_same: 99 });
    const [, wide] = judge(await ablate({ ...plainly, gap: 0.0011 }, once, variant('ngram')));
    expect(wide).toMatchObject({ exact: false, excused: 0, different: 1 });
    const twice: Fake = { tokens: (at) => (at < 2 ? [at] : says(at)) };
    const [, often] = judge(await ablate({ ...plainly, gap: 0.0009 }, twice, variant('ngram')));
    expect(often).toMatchObject({ exact: false, excused: 2, different: 0 });
  });

  test('is not where only sampled answers differ', async () => {
    const lucky: Fake = { tokens: (at, { sampling }) => (at === 3 && sampling !== undefined ? [1] : says(at)) };
    const result = await ablate(plainly, lucky, variant('ngram'), true, 10);
    const [, row] = judge(result);
    expect(row).toMatchObject({ exact: true, sampled_exact: false, sampled_different: 1 });
    expect(ablationSummary(judge(result)).join('\n')).toContain('fail: ngram over other, sampled: 1 answers differ');
  });

  test('is not excused where plain decoding does not repeat itself', async () => {
    let calls = 0;
    const fickle: Fake = { tokens: (at) => [at, 2, calls++], gap: 0 };
    const [, row] = judge(await ablate(fickle, plainly, variant('ngram'), false, 3));
    expect(row).toMatchObject({ exact: false, excused: 0, different: 3 });
  });
});

test('a lossy variant is not judged exact; how far it agrees is told', async () => {
  const other: Fake = {
    tokens: (at) => [at, 2, 9, 9],
    decoding: { exits: { 2: 3, 8: 1 }, layerEquivalents: 12, fullLayerEquivalents: 36 },
  };
  const [, row] = judge(await ablate(plainly, other, variant('early-exit', 'full', false), true, 5));
  expect(row).toMatchObject({ exact: null, sampled_exact: null, answers_same: 0, token_agreement: 0.5, exit_rate: 0.75 });
  expect(row?.layers_saved).toBeCloseTo(2 / 3);
  expect(row?.predicted_speedup).toBeCloseTo(3);
});

test('predicted is what costs and acceptance promise', async () => {
  const costs = { draft_ms: [0, 0.25, 0.5], verify_ms: [1, 1.25, 1.5] };
  const other: Fake = { tokens: says, decoding: { judged: 4, accepted: 2, costs } };
  const [, row] = judge(await ablate(plainly, other, variant('speculative'), false, 3));
  expect(row?.acceptance_rate).toBe(0.5);
  // One guess: 1.5 tokens in 1.5 ms; two: 1.75 in 2 ms; none: 1.
  expect(row?.predicted_speedup).toBeCloseTo(1);
});

describe('what cannot run', () => {
  const signal = new AbortController().signal;

  test('is a row with its reason, and ends nobody else', async () => {
    const broken: Fake = {
      tokens: (at) => {
        if (at === 2) throw new EdgeVlmError('USAGE', 'not with this cache');
        return says(at);
      },
    };
    const failing = fake('other', broken);
    const { measurements } = await runAblation({
      reference: () => Promise.resolve(fake('plain', plainly)),
      groups: [
        { start: () => Promise.reject(new EdgeVlmError('OUT_OF_MEMORY', 'too large')), variants: [variant('plain', 'huge', false)] },
        { start: () => Promise.resolve(failing), variants: [variant('ngram')] },
        { start: null, variants: [variant('self-speculative', 'full')] },
      ],
      ...{ count: 4, prompt, sampling: null, signal },
    });
    expect(failing.closed).toBe(true);
    expect(measurements.map(({ pairs, failure }) => [pairs.length, failure?.code])).toEqual([
      [4, undefined],
      [0, 'OUT_OF_MEMORY'],
      [2, 'USAGE'],
      [4, undefined],
    ]);
  });

  test('for want of context is passed over by all', async () => {
    const short: Fake = {
      tokens: (at) => {
        if (at === 1) throw new EdgeVlmError('CONTEXT_FULL', 'the prompt is too long');
        return says(at);
      },
    };
    const { measurements, skipped } = await ablate(short, plainly, variant('ngram'), false, 3);
    expect(skipped).toBe(1);
    expect(measurements.map(({ pairs }) => pairs.map(({ index }) => index))).toEqual([
      [0, 2],
      [0, 2],
    ]);
  });
});

test('stopping keeps the prompts that are finished', async () => {
  const stop = new AbortController();
  const reference: Fake = {
    tokens: (at) => {
      if (at === 2) stop.abort();
      return says(at);
    },
  };
  const { measurements } = await runAblation({
    reference: () => Promise.resolve(fake('plain', reference)),
    groups: [{ start: null, variants: [variant('ngram', 'full')] }],
    ...{ count: 9, prompt, sampling: null, signal: stop.signal },
  });
  expect(measurements.map(({ pairs }) => pairs.length)).toEqual([2, 2]);
});

test('a variant that was led along is judged by every token of it, captions apart, and by the caches of that', async () => {
  const { measurements } = await ablate(plainly, { tokens: says }, variant('plain', 'small', false), false, 2);
  const measurement = measurements.find(({ variant: of }) => of.cache === 'small');
  if (measurement === undefined) throw new Error('the variant is missing');
  const token = (kl: number, agrees: boolean) => ({ kl, agrees });
  const bytes = { cacheBytes: 100, referenceBytes: 400, contextTokens: 10 };
  const forced = [
    { asks: 'caption' as const, tokens: [token(0, true), token(0.4, false), token(0, true), token(0, true)], ...bytes },
    { asks: 'answer' as const, tokens: [token(0.1, false)], ...bytes },
    { asks: null, tokens: [], ...bytes, cacheBytes: 200 },
  ];
  const { row } = judgeVariant(measurement, { model: 'fake', vocabulary: VOCABULARY, layers: 8, seed: 0, guesses: null, forced });
  expect(row).toMatchObject({ forced_tokens: 5, top1_agreement: 0.6, caption_top1_agreement: 0.75, kl_p99: 0.4 });
  expect(row.kl_mean).toBeCloseTo(0.1);
  expect(row.kv_ratio).toBeCloseTo(3);
  expect(row.kv_bytes_per_token).toBeCloseTo(400 / 30);
});
