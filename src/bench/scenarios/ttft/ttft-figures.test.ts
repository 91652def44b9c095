import { describe, expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import { ttftRatios, ttftRows } from './ttft-figures.js';
import type { RunnerName, TtftAttempt } from './ttft-scenario.js';
import { ttftSamples, ttftScores } from './ttft-samples.js';
import { ttftTable } from './ttft-table.js';
import { ttftVerdicts } from './ttft-verdicts.js';

interface Given {
  readonly prompt?: number;
  readonly repetition?: number;
  readonly cached?: number | null;
  readonly server?: number;
  readonly predicted?: number;
  readonly pieces?: number;
  readonly tokens?: number;
  readonly text?: string;
}

const ok = (runner: RunnerName, ttft_ms: number, given: Given = {}): TtftAttempt => ({
  promptType: 'short',
  promptIndex: given.prompt ?? 0,
  repetition: given.repetition ?? 0,
  runner,
  outcome: {
    ttft_ms,
    total_ms: ttft_ms + 90,
    text: given.text ?? ' a',
    pieces: given.pieces ?? 10,
    promptTokens: given.tokens ?? 5,
    completionTokens: 10,
    cachedTokens: given.cached === undefined ? 0 : given.cached,
    serverPrompt_ms: given.server ?? null,
    serverPredicted_ms: given.predicted ?? null,
    warnings: [],
  },
});
const failed = (runner: RunnerName, prompt: number): TtftAttempt => ({
  promptType: 'short',
  promptIndex: prompt,
  repetition: 0,
  runner,
  outcome: new EdgeVlmError('INTERNAL', 'broken'),
});
const outcomeOf = (attempts: readonly TtftAttempt[], name: string): string | undefined =>
  ttftVerdicts(attempts, { reuse: false }).find((verdict) => verdict.name === name)?.outcome;

const PAIRS = [
  ok('baseline', 80, { prompt: 0 }),
  ok('llamacpp', 40, { prompt: 0 }),
  ok('baseline', 120, { prompt: 1 }),
  ok('llamacpp', 30, { prompt: 1 }),
  failed('baseline', 2),
  ok('llamacpp', 50, { prompt: 2 }),
];

describe('the figures', () => {
  const rows = ttftRows(PAIRS, 0);
  const ratios = ttftRatios(PAIRS, 0);

  it('average what succeeded, in seconds, and count what did not', () => {
    const [baseline, server] = rows;
    expect(baseline).toMatchObject({ runner: 'baseline', successes: 2, attempts: 3, avg_ttft: 0.1, median_ttft: 0.1, cold: 2, warm: 0 });
    expect(server).toMatchObject({ runner: 'llamacpp', successes: 3, attempts: 3, median_ttft: 0.04 });
    expect(server?.avg_ttft).toBeCloseTo(0.04);
    const [low = NaN, high = NaN] = baseline?.interval ?? [];
    expect([low, high]).toEqual([0.08, 0.12]);
  });

  it('compare prompt by prompt where both answered', () => {
    // 2 and 4 times as fast: √8.
    expect(ratios).toHaveLength(1);
    expect(ratios[0]?.prompts).toBe(2);
    expect(ratios[0]?.ratio).toBeCloseTo(Math.sqrt(8));
    expect(ratios[0]?.interval?.[0]).toBeCloseTo(2);
    expect(ratios[0]?.interval?.[1]).toBeCloseTo(4);
  });

  it('have no interval for one prompt, however often it was repeated', () => {
    const repeated = [0, 1, 2].map((repetition) => ok('baseline', 10 + repetition, { repetition }));
    expect(ttftRows(repeated, 0)[0]).toMatchObject({ successes: 3, interval: null });
  });

  it('are null where nothing succeeded', () => {
    expect(ttftRows([failed('llamacpp', 0)], 0)[0]).toMatchObject({ successes: 0, attempts: 1, avg_ttft: null, median_ttft: null });
    expect(ttftTable(ttftRows([failed('llamacpp', 0)], 0), [])[5]).toMatch(/^Short {7}\| Llama\.cpp \| N\/A {10}\| 0\/1 /);
  });

  it('stand in a table that begins with prompt type, runner, average and success rate', () => {
    const [thick, title, , head, thin, first, second, end, note, ratio] = ttftTable(rows, ratios);
    expect([thick, end]).toEqual([thick, thick]);
    expect(title?.trim()).toBe('Benchmark Summary Report');
    expect(head).toMatch(/^Prompt Type \| Runner {4}\| Avg TTFT \(s\) \| Success Rate \| Median \(s\) \| 95% interval \(s\) +\| Cache$/);
    expect(thin).toMatch(/^-+$/);
    expect(first).toMatch(/^Short {7}\| Baseline {2}\| 0\.1000 {7}\| 2\/3 {10}\| 0\.1000 {5}\| 0\.0800–0\.1200/);
    expect(second).toMatch(/^Short {7}\| Llama\.cpp \| 0\.0400 {7}\| 3\/3 .*\| cold$/);
    expect(note).toBe('(Note: TTFT averages are for successful runs only)');
    expect(ratio).toMatch(/2\.83× \(95%: .*, 2 prompts\): too few to tell/);
  });

  it('call the one faster that is so beyond the scatter, of enough prompts', () => {
    const answerOf = (baseline: readonly number[]): string | undefined => {
      const pairs = baseline.flatMap((ms, prompt) => [ok('baseline', ms, { prompt }), ok('llamacpp', 20, { prompt })]);
      return ttftTable(ttftRows(pairs, 0), ttftRatios(pairs, 0)).at(-1);
    };
    expect(answerOf([30, 31, 29, 30, 32, 28])).toMatch(/1\.50× \(95%: .*, 6 prompts\): Llama\.cpp is faster$/);
    expect(answerOf([10, 11, 9, 10, 12, 8])).toMatch(/the baseline is faster$/);
    expect(answerOf([10, 40, 10, 40, 10, 40])).toMatch(/too noisy to tell which is faster$/);
    expect(answerOf([30, 31, 29, 30, 32])).toMatch(/too few to tell which is faster: 6 are needed/);
    const repeated = [30, 31, 29, 30, 32, 28].flatMap((ms, prompt) => [
      ...[1, 1, 3].map((times, repetition) => ok('baseline', ms * times, { prompt, repetition })),
      ok('llamacpp', 20, { prompt }),
    ]);
    expect(ttftTable(ttftRows(repeated, 0), ttftRatios(repeated, 0)).at(-1)).toMatch(
      /too noisy .*: answers to the same prompt scatter by \d\d%$/,
    );
  });

  it('tell cold from warm answers', () => {
    const mixed = [
      ok('llamacpp', 40),
      ok('llamacpp', 10, { repetition: 1, cached: 4 }),
      ok('llamacpp', 10, { repetition: 2, cached: null }),
    ];
    const table = ttftTable(ttftRows(mixed, 0), []);
    expect(table[5]).toMatch(/1 cold, 1 warm, 1 untold$/);
    expect(table.at(-1)).toBe('Short, Llama.cpp: median 0.0400 s cold, 0.0100 s warm; the average mixes them');
  });

  it('are scores and samples of the run record, repetitions apart from prompts', () => {
    const attempts = [...PAIRS, ok('llamacpp', 50, { prompt: 0, repetition: 1 })];
    const samples = ttftSamples({ attempts, warmup: [{ runner: 'llamacpp', promptType: 'short', ttft_ms: 99 }], partial: false });
    const list = (name: string) => samples.find((one) => one.name === name);
    expect(list('llamacpp/short/ttft_ms')).toEqual({
      name: 'llamacpp/short/ttft_ms',
      unit: 'ms',
      values: [40, 30, 50, 50],
      over: 'items',
      warmup: [99],
    });
    expect(list('baseline/short/tpot_ms')?.values).toEqual([10, 10]);
    expect(list('llamacpp/short/ttft_relative')?.values.map((value) => value.toFixed(3))).toEqual(['0.889', '1.111']);
    expect(list('llamacpp/short/server_prompt_ms')).toBeUndefined();
    expect(ttftScores(rows, ratios).map(({ name }) => name)).toEqual([
      'baseline.short.avg_ttft',
      'llamacpp.short.avg_ttft',
      'baseline.short.success_rate',
      'llamacpp.short.success_rate',
      'ratio.short.ttft',
    ]);
  });
});

describe('the verdicts', () => {
  it("reconcile the server's clock with ours", () => {
    expect(outcomeOf([ok('llamacpp', 40, { server: 30 })], 'timings:llamacpp')).toBe('pass');
    expect(outcomeOf([ok('llamacpp', 40)], 'timings:llamacpp')).toBe('inconclusive');
    const contradiction = ttftVerdicts([ok('llamacpp', 40, { server: 45 }), ok('llamacpp', 40, { server: 10 })], { reuse: false });
    expect(contradiction.find(({ name }) => name === 'timings:llamacpp')).toMatchObject({
      outcome: 'fail',
      detail: expect.stringMatching(/in 1 of 2 answers; prompts took up to 5\.0 ms longer/) as string,
    });
    // 40 ms to the first text and 130 in all, of which the server claims 39 + 80 and then 39 + 100.
    expect(outcomeOf([ok('llamacpp', 40, { server: 39, predicted: 80 })], 'timings:llamacpp')).toBe('pass');
    expect(outcomeOf([ok('llamacpp', 40, { server: 39, predicted: 100 })], 'timings:llamacpp')).toBe('fail');
  });

  it('tell a warm answer where a cold one was asked for', () => {
    expect(outcomeOf([ok('llamacpp', 40)], 'cold:llamacpp')).toBe('pass');
    expect(outcomeOf([ok('llamacpp', 40), ok('llamacpp', 4, { cached: 4 })], 'cold:llamacpp')).toBe('fail');
    expect(outcomeOf([ok('llamacpp', 40, { cached: null })], 'cold:llamacpp')).toBe('inconclusive');
    expect(ttftVerdicts([ok('llamacpp', 4, { cached: 4 })], { reuse: true }).map(({ name }) => name)).not.toContain('cold:llamacpp');
  });

  it('tell an answer that was not streamed', () => {
    expect(outcomeOf(PAIRS, 'streaming:llamacpp')).toBe('pass');
    expect(outcomeOf([ok('llamacpp', 40, { pieces: 1 })], 'streaming:llamacpp')).toBe('fail');
  });

  it('tell whether both did the same work', () => {
    expect([outcomeOf(PAIRS, 'parity:prompt_tokens'), outcomeOf(PAIRS, 'parity:text')]).toEqual(['pass', 'pass']);
    const different = [ok('baseline', 40, { tokens: 6, text: ' b' }), ok('llamacpp', 40)];
    expect([outcomeOf(different, 'parity:prompt_tokens'), outcomeOf(different, 'parity:text')]).toEqual(['fail', 'inconclusive']);
    expect(outcomeOf([ok('baseline', 40)], 'parity:text')).toBeUndefined();
  });
});
