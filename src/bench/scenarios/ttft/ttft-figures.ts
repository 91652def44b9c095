import { EdgeVlmError } from '../../../core/errors.js';
import { median, summarise } from '../../../core/sample-summary.js';
import { bootstrapInterval } from '../../statistics/bootstrap.js';
import type { TtftMeasurement } from './measure-ttft.js';
import { relativeTimes } from './relative-times.js';
import { PROMPT_TYPES, RUNNER_NAMES, type PromptType, type RunnerName, type TtftAttempt } from './ttft-scenario.js';

/** The figures of one row of the table. Times are seconds. */
export interface TtftRow {
  readonly promptType: PromptType;
  readonly runner: RunnerName;
  /** Attempts, and how many succeeded. */
  readonly attempts: number;
  readonly successes: number;
  /** Of successful attempts; null without one, and so are the next two. */
  readonly avg_ttft: number | null;
  readonly median_ttft: number | null;
  /** 95% of the average; null, too, for fewer than two prompts. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Successful attempts by what the runner said of its cache. */
  readonly cold: number;
  readonly warm: number;
  readonly unlabelled: number;
  /** Medians of cold and of warm answers. */
  readonly median_ttft_cold: number | null;
  readonly median_ttft_warm: number | null;
}

/** How many times as soon the server's first text comes as the baseline's. */
export interface TtftRatio {
  readonly promptType: PromptType;
  /** Geometric mean over prompts of baseline's TTFT / server's TTFT, each the mean of its repetitions. */
  readonly ratio: number;
  readonly interval: readonly [low: number, high: number] | null;
  /** Prompts that both answered. */
  readonly prompts: number;
  /** How far repetitions of a prompt scatter on the noisier side, coefficient of variation; null where nothing was repeated. */
  readonly scatter: number | null;
}

/** One row for each kind of prompts and each runner, in that order. */
export function ttftRows(attempts: readonly TtftAttempt[], seed: number): TtftRow[] {
  return PROMPT_TYPES.flatMap((promptType) =>
    RUNNER_NAMES.flatMap((runner) => {
      const made = attempts.filter((attempt) => attempt.promptType === promptType && attempt.runner === runner);
      if (made.length === 0) return [];
      const good = made.flatMap(({ outcome }) => (outcome instanceof EdgeVlmError ? [] : [outcome]));
      const cold = good.filter(({ cachedTokens }) => cachedTokens === 0);
      const warm = good.filter(({ cachedTokens }) => cachedTokens !== null && cachedTokens > 0);
      const byPrompt = secondsByPrompt(made);
      return [
        {
          promptType,
          runner,
          attempts: made.length,
          successes: good.length,
          avg_ttft: good.length === 0 ? null : sum(good.map(seconds)) / good.length,
          median_ttft: medianOrNull(good),
          interval: intervalOfMean([...byPrompt.values()], seed),
          cold: cold.length,
          warm: warm.length,
          unlabelled: good.length - cold.length - warm.length,
          median_ttft_cold: medianOrNull(cold),
          median_ttft_warm: medianOrNull(warm),
        },
      ];
    }),
  );
}

/** Compares the runners prompt by prompt, where both have answered. */
export function ttftRatios(attempts: readonly TtftAttempt[], seed: number): TtftRatio[] {
  return PROMPT_TYPES.flatMap((promptType) => {
    const [baseline, server] = RUNNER_NAMES.map((runner) =>
      secondsByPrompt(attempts.filter((attempt) => attempt.promptType === promptType && attempt.runner === runner)),
    );
    const logs = [...(baseline ?? [])].flatMap(([prompt, ours]) => {
      const theirs = server?.get(prompt);
      return theirs === undefined ? [] : [Math.log(mean(ours) / mean(theirs))];
    });
    if (logs.length === 0) return [];
    const ratio = ([total = NaN, count = NaN]: readonly number[]): number => Math.exp(total / count);
    const rows = logs.map((log) => [log, 1]);
    return [
      {
        promptType,
        ratio: ratio([sum(logs), logs.length]),
        interval: logs.length < 2 ? null : bootstrapInterval(rows, ratio, { seed }),
        prompts: logs.length,
        scatter: scatterOf(attempts.filter((attempt) => attempt.promptType === promptType)),
      },
    ];
  });
}

function scatterOf(attempts: readonly TtftAttempt[]): number | null {
  const sides = RUNNER_NAMES.map((name) => relativeTimes(attempts.filter(({ runner }) => runner === name)));
  const scatters = sides.flatMap((times) => (times.length === 0 ? [] : [summarise(times).cv ?? 0]));
  return scatters.length === 0 ? null : Math.max(...scatters);
}

/** Prompts are drawn, not attempts: those of one prompt are alike. */
function intervalOfMean(byPrompt: readonly (readonly number[])[], seed: number): [number, number] | null {
  if (byPrompt.length < 2) return null;
  const rows = byPrompt.map((values) => [sum(values), values.length]);
  const [low, high] = bootstrapInterval(rows, ([total = NaN, count = NaN]) => total / count, { seed });
  return [low, high];
}

/** TTFT of each prompt's successful attempts, seconds. */
function secondsByPrompt(attempts: readonly TtftAttempt[]): Map<number, number[]> {
  const byPrompt = new Map<number, number[]>();
  for (const { promptIndex, outcome } of attempts) {
    if (outcome instanceof EdgeVlmError) continue;
    byPrompt.set(promptIndex, [...(byPrompt.get(promptIndex) ?? []), seconds(outcome)]);
  }
  return byPrompt;
}

function seconds({ ttft_ms }: TtftMeasurement): number {
  return ttft_ms / 1000;
}

function medianOrNull(measured: readonly TtftMeasurement[]): number | null {
  return measured.length === 0 ? null : median(measured.map(seconds));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
