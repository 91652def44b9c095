import type { GenerateResult } from '../core/generator.js';
import { formatDuration, formatRate } from '../core/units.js';

/** The stages of one answer, one line each, in the order they run. */
export function timingsTable(result: GenerateResult, prepare_ms?: number): string[] {
  const { timings, promptTokens, imageTokens, cachedTokens, completionTokens } = result;
  const computed = promptTokens - cachedTokens;
  const rate = (tokens: number, ms: number): string => (ms > 0 ? `, ${formatRate((1000 * tokens) / ms, 'tok')}` : '');
  const rows: [stage: string, ms: number, remark: string][] = [
    ...(prepare_ms === undefined ? [] : [['prepare', prepare_ms, 'read, decode and cut the picture'] satisfies [string, number, string]]),
    ['queue', timings.queue_ms, ''],
    ['tokenise', timings.tokenise_ms, ''],
    ['encode', timings.encode_ms, imageTokens > 0 ? `${imageTokens} image tokens` : ''],
    [
      'prefill',
      timings.prefill_ms,
      `${computed} tokens${rate(computed, timings.prefill_ms)}${cachedTokens > 0 ? `, ${cachedTokens} more from earlier prompts` : ''}`,
    ],
    // The first token comes out of the prefill.
    ['decode', timings.decode_ms, `${completionTokens} tokens${rate(Math.max(completionTokens - 1, 0), timings.decode_ms)}`],
    ['sample', timings.sample_ms, ''],
    ['first token', timings.ttft_ms, ''],
    ['total', timings.total_ms, ''],
  ];
  return rows.map(([stage, ms, remark]) => `  ${stage.padEnd(12)}${formatDuration(ms).padStart(10)}  ${remark}`.trimEnd());
}
