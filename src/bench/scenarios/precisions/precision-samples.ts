import type { Samples } from '../../../core/run-record.js';
import { STAGES, type MeasuredPicture, type PrecisionTurn } from './precision-turn.js';

/** Raw samples of one precision: repetitions are its turns, items are pictures, in the order they were taken. */
export function precisionSamples(turns: readonly PrecisionTurn[]): Samples[] {
  const pictures = picturesOf(turns);
  const items = (name: string, unit: string, values: readonly number[]): Samples => ({ name, unit, values: [...values], over: 'items' });
  const lists: Samples[] = [
    { name: 'load_ms', unit: 'ms', values: turns.map(({ load_ms }) => load_ms) },
    { name: 'rss_bytes', unit: 'bytes', values: turns.flatMap(({ watched }) => watched.after.rss_bytes ?? []) },
    {
      ...items(
        'latency_ms',
        'ms',
        pictures.map(({ latency_ms }) => latency_ms),
      ),
      warmup: turns.map(({ warmup_ms }) => warmup_ms),
    },
    items(
      'ttft_ms',
      'ms',
      pictures.map(({ ttft_ms }) => ttft_ms),
    ),
    items('tpot_ms', 'ms/token', pictures.flatMap(timePerToken)),
    items('prefill_rate', 'tok/s', pictures.flatMap(prefillRate)),
    ...STAGES.map((stage) =>
      items(
        `stage.${stage}_ms`,
        'ms',
        pictures.map(({ stages }) => stages[stage]),
      ),
    ),
  ];
  return lists.filter(({ values }) => values.length > 0);
}

export function picturesOf(turns: readonly PrecisionTurn[]): MeasuredPicture[] {
  return turns.flatMap(({ pictures }) => pictures);
}

/** TPOT: (latency − TTFT) / (tokens − 1). */
function timePerToken({ latency_ms, ttft_ms, completionTokens }: MeasuredPicture): number[] {
  return completionTokens < 2 ? [] : [(latency_ms - ttft_ms) / (completionTokens - 1)];
}

function prefillRate({ prefillTokens, stages }: MeasuredPicture): number[] {
  return stages.prefill > 0 ? [(1000 * prefillTokens) / stages.prefill] : [];
}
