import type { DecodingStatistics } from '../core/decoding.js';
import type { DetailedResult } from '../core/generator.js';
import { formatDuration, formatRate } from '../core/units.js';

/** The stages of one answer, one line each, in the order they run. */
export function timingsTable(result: DetailedResult, prepare_ms?: number): string[] {
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
    [
      'decode',
      timings.decode_ms,
      `${completionTokens} tokens${rate(Math.max(completionTokens - 1, 0), timings.decode_ms)}${decodingRemark(result.decoding)}`,
    ],
    ['sample', timings.sample_ms, ''],
    ['first token', timings.ttft_ms, ''],
    ['total', timings.total_ms, ''],
  ];
  return rows.map(([stage, ms, remark]) => `  ${stage.padEnd(12)}${formatDuration(ms).padStart(10)}  ${remark}`.trimEnd());
}

/** What guesses or early exits came to. */
function decodingRemark(statistics: DecodingStatistics | undefined): string {
  if (statistics === undefined) return '';
  const { strategy, passes, judged, accepted, layerEquivalents, fullLayerEquivalents } = statistics;
  const percent = (part: number, whole: number): string => `${Math.round((100 * part) / whole)}%`;
  if (judged > 0) return `, ${strategy}: ${passes} passes, ${percent(accepted, judged)} of ${judged} guesses right`;
  if (fullLayerEquivalents > 0) return `, ${strategy}: ${percent(layerEquivalents, fullLayerEquivalents)} of the layers computed`;
  return '';
}
