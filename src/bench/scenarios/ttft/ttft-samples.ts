import { EdgeVlmError } from '../../../core/errors.js';
import type { Samples, Score } from '../../../core/run-record.js';
import type { TtftMeasurement } from './measure-ttft.js';
import { networkAndQueue_ms } from './reconcile-timings.js';
import { relativeTimes } from './relative-times.js';
import type { TtftRatio, TtftRow } from './ttft-figures.js';
import { PROMPT_TYPES, RUNNER_NAMES, type TtftScenarioResult } from './ttft-scenario.js';

/** Raw samples by runner and kind of prompts, for example `llamacpp/short/ttft_ms`, in the order they were taken. */
export function ttftSamples({ attempts, warmup }: TtftScenarioResult): Samples[] {
  return RUNNER_NAMES.flatMap((runner) =>
    PROMPT_TYPES.flatMap((promptType) => {
      const made = attempts.filter((attempt) => attempt.runner === runner && attempt.promptType === promptType);
      const good = made.flatMap(({ outcome }) => (outcome instanceof EdgeVlmError ? [] : [outcome]));
      const list = (name: string, unit: string, of: (measured: TtftMeasurement) => number | null): Samples => ({
        name: `${runner}/${promptType}/${name}`,
        unit,
        values: good.flatMap((measured) => of(measured) ?? []),
        over: 'items',
      });
      const warm = warmup.filter((one) => one.runner === runner && one.promptType === promptType).map(({ ttft_ms }) => ttft_ms);
      return [
        { ...list('ttft_ms', 'ms', ({ ttft_ms }) => ttft_ms), ...(warm.length > 0 && { warmup: warm }) },
        list('total_ms', 'ms', ({ total_ms }) => total_ms),
        list('tpot_ms', 'ms/token', timePerToken),
        list('server_prompt_ms', 'ms', ({ serverPrompt_ms }) => serverPrompt_ms),
        list('network_and_queue_ms', 'ms', networkAndQueue_ms),
        list('prompt_tokens', 'tokens', ({ promptTokens }) => promptTokens),
        list('cached_tokens', 'tokens', ({ cachedTokens }) => cachedTokens),
        { name: `${runner}/${promptType}/ttft_relative`, unit: '×', values: relativeTimes(made) },
      ].filter(({ values }) => values.length > 0);
    }),
  );
}

/** The figures of the table and how sure they are. */
export function ttftScores(rows: readonly TtftRow[], ratios: readonly TtftRatio[]): Score[] {
  const between = (interval: readonly [number, number] | null): Score['interval'] =>
    interval === null ? null : { low: interval[0], high: interval[1], level: 0.95 };
  return [
    ...rows.flatMap(({ runner, promptType, avg_ttft: value, successes: n, interval }) =>
      value === null ? [] : [{ name: `${runner}.${promptType}.avg_ttft`, unit: 's', value, n, interval: between(interval) }],
    ),
    ...rows.map(({ runner, promptType, successes, attempts: n }) => ({
      name: `${runner}.${promptType}.success_rate`,
      unit: 'fraction',
      value: successes / n,
      n,
      interval: null,
    })),
    ...ratios.map(({ promptType, ratio: value, prompts: n, interval }) => ({
      name: `ratio.${promptType}.ttft`,
      unit: '×',
      value,
      n,
      interval: between(interval),
    })),
  ];
}

/** TPOT: (total − TTFT) / (tokens − 1). */
function timePerToken({ total_ms, ttft_ms, completionTokens }: TtftMeasurement): number | null {
  return completionTokens < 2 ? null : (total_ms - ttft_ms) / (completionTokens - 1);
}
