import type { RunRecord, Samples, Score } from '../../../core/run-record.js';

/** What a run is judged by first, whatever its scenario calls it. */
export const HEADLINES = [
  { title: 'load', names: ['load_ms', 'load', 'load_time'], lessIsBetter: true },
  { title: 'latency', names: ['latency_ms', 'latency', 'inference_latency_ms'], lessIsBetter: true },
  { title: 'first token (TTFT)', names: ['ttft_ms', 'ttft'], lessIsBetter: true },
  { title: 'each further token (TPOT)', names: ['tpot_ms', 'tpot'], lessIsBetter: true },
  { title: 'speed', names: ['tokens_per_second'], lessIsBetter: false },
] as const;
export type Headline = (typeof HEADLINES)[number];

/** The samples behind a headline; undefined where a run has none. */
export function headlineSamples({ samples }: RunRecord, { names }: Headline): Samples | undefined {
  for (const name of names) {
    const list = samples.find((each) => each.name === name);
    if (list !== undefined) return list;
  }
  return undefined;
}

/** Scores that say most, in this order. */
const SCORES = ['caption.object_f1', 'vqa.accuracy', 'caption.exact', 'bleu4'];
const CHANCE = 'chance.';

/** The name of the score that most runs have, of those that say most; undefined where none has any. */
export function headlineScore(records: readonly RunRecord[]): string | undefined {
  const names = records.flatMap(({ scores = [] }) => scores.map(({ name }) => name)).filter((name) => !name.startsWith(CHANCE));
  return SCORES.find((name) => names.includes(name)) ?? names[0];
}

export function scoreNamed({ scores = [] }: RunRecord, name: string): Score | undefined {
  return scores.find((score) => score.name === name);
}

/** Of all files that ran. */
export function modelBytes({ models }: RunRecord): number | null {
  const files = Object.values(models);
  return files.length === 0 ? null : files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The highest resident memory that was seen: of the sampled tree, else of the readings at moments. */
export function peakMemory({ memory, resources }: RunRecord): number | null {
  const sampled = resources?.memory.peakRss_bytes ?? null;
  if (sampled !== null) return sampled;
  const known = Object.values(memory).flatMap(({ peakRss_bytes, rss_bytes }) => peakRss_bytes ?? rss_bytes ?? []);
  return known.length === 0 ? null : Math.max(...known);
}
