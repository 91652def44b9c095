import { describe, expect, it } from 'vitest';
import { sampleMeasurement } from '../../../test/tracking/support/sample-record.js';
import { createRunRecord, type Measurement, type RunRecord, type Settings } from '../../core/run-record.js';
import { parityVerdicts } from './parity-verdicts.js';

function cell(answers: readonly number[], settings: Settings = {}, dataset = 'a'): Measurement {
  const asked = { model_name: 'shapes', prompt: 'What?', max_tokens: 9, quantization: 'none', runtime: 'engine', precision: 'F16' };
  return {
    ...sampleMeasurement(1),
    settings: { requested: {}, effective: { ...asked, ...settings } },
    dataset: { name: 'pictures', sha256: dataset.repeat(64), items: answers.length },
    samples: [
      { name: 'picture_index', unit: 'index', values: answers.map((_, index) => index), over: 'items' },
      { name: 'answer_fingerprint', unit: 'HMAC, 48 bits', values: [...answers], over: 'items' },
    ],
  };
}

describe('parity of a cell with the first that was asked the same', () => {
  const before: RunRecord[] = [createRunRecord(cell([9], { model_name: 'other' })), createRunRecord(cell([1, 2, 3]))];
  const outcome = (measurement: Measurement): (readonly string[])[] =>
    parityVerdicts(measurement, before).map((one) => [one.name, one.outcome]);

  it('passes where every answer is the same, whoever gave it', () => {
    const [verdict] = parityVerdicts(cell([1, 2, 3], { runtime: 'python', precision: 'fp32' }), before);
    expect(verdict).toMatchObject({ name: 'parity:answers', outcome: 'pass' });
    expect(verdict?.detail).toBe(`3 of 3 answers are those of engine in F16 (${before[1]?.id ?? ''})`);
  });

  it('fails where one differs, and decides nothing of other weights', () => {
    expect(outcome(cell([1, 2, 4]))).toEqual([['parity:answers', 'fail']]);
    expect(outcome(cell([1, 2, 4], { quantization: 'int4' }))).toEqual([['parity:answers', 'inconclusive']]);
    expect(outcome(cell([1, 2, 3], { quantization: 'int4' }))).toEqual([['parity:answers', 'pass']]);
  });

  it.each<[string, Measurement]>([
    ['another model', cell([1, 2, 3], { model_name: 'third' })],
    ['another question', cell([1, 2, 3], { prompt: 'Who?' })],
    ['shorter answers', cell([1, 2, 3], { max_tokens: 1 })],
    ['other pictures', cell([1, 2, 3], {}, 'b')],
    ['no answers that are known', { ...cell([1, 2, 3]), samples: [] }],
  ])('is not looked at with %s', (_, measurement) => {
    expect(outcome(measurement)).toEqual([]);
  });
});
