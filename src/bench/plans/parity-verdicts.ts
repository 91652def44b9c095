import type { Measurement, RunRecord, Verdict } from '../../core/run-record.js';
import { compareAnswers } from '../scenarios/vlm/compare-answers.js';

/** What has to be the same for answers to be the same. */
const ASKED = ['model_name', 'prompt', 'max_tokens'] as const;

/**
 * `parity:answers`: whether a cell gave, greedily, the answers of the first cell before it that was asked the same of the same model.
 * Quantised weights may answer differently, so that is inconclusive; of the same quantization it is a failure. Only where it passes have
 * both done the same work, and only there is a speed-up one.
 * @returns nothing where there is no such cell, or no answers are known
 */
export function parityVerdicts(measurement: Measurement, before: readonly RunRecord[]): Verdict[] {
  const reference = parityReference(measurement, before);
  if (reference === undefined) return [];
  const { pictures, share } = compareAnswers(measurement, reference);
  if (share === null) return [];
  const [ours, theirs] = [measurement, reference].map(({ settings: { effective } }) => effective['quantization']);
  const { runtime, precision } = reference.settings.effective;
  const of = `those of ${String(runtime)} in ${String(precision)} (${reference.id})`;
  const detail = `${Math.round(share * pictures)} of ${pictures} answers are ${of}`;
  return [{ name: 'parity:answers', outcome: share === 1 ? 'pass' : ours === theirs ? 'fail' : 'inconclusive', detail }];
}

/** The first record that was asked the same of the same model. */
export function parityReference(measurement: Measurement, before: readonly RunRecord[]): RunRecord | undefined {
  return before.find((record) => isSameQuestion(record, measurement));
}

function isSameQuestion(record: RunRecord, { command, dataset, settings }: Measurement): boolean {
  return (
    record.command === command &&
    dataset !== null &&
    record.dataset?.sha256 === dataset.sha256 &&
    ASKED.every((name) => record.settings.effective[name] === settings.effective[name])
  );
}
