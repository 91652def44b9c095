import { describe, expect, it } from 'vitest';

import type { Score } from '../../../core/run-record.js';
import { comparePrecisions, type PrecisionComparison } from './compare-precisions.js';
import type { MeasuredPicture } from './precision-turn.js';

const VOCABULARY = { shapes: ['circle', 'star'], colours: ['red', 'blue'], sizes: ['small'], positions: ['top'] };
const STAGES = { picture: 0, preprocess: 0, tokenise: 0, encode: 0, prefill: 0, decode: 0, sample: 0, other: 0 };
const RIGHT = 'a small red circle at the top.';
const WRONG = 'a small blue star at the top.';

function picture(index: number, latency_ms: number, caption = RIGHT, answer = 'red'): MeasuredPicture {
  return {
    ...{ index, latency_ms, ttft_ms: latency_ms, caption, caption_ms: latency_ms, answers: [answer, 'yes'], stages: STAGES },
    ...{ prefillTokens: 1, completionTokens: 1 },
    truth: { objects: [{ shape: 'circle', colour: 'red', size: 'small', position: 'top' }], captions: [RIGHT], questions: [] },
  };
}

/** @param make the precision's picture beside one of the reference that took 10 ms, 20 ms, … */
function compare(count: number, make: (index: number, reference_ms: number) => MeasuredPicture): PrecisionComparison {
  const indices = Array.from({ length: count }, (_, index) => index);
  const reference_ms = (index: number): number => 10 * (1 + (index % 5));
  const reference = { name: 'f16', pictures: indices.map((index) => picture(index, reference_ms(index))) };
  const subject = { name: 'q4_0', pictures: indices.map((index) => make(index, reference_ms(index))) };
  return comparePrecisions(subject, reference, VOCABULARY, 0);
}
const scoreOf = ({ scores }: PrecisionComparison, name: string): Score | undefined => scores.find((score) => score.name === name);
const outcomeOf = ({ verdicts }: PrecisionComparison, name: string): string | undefined =>
  verdicts.find((verdict) => verdict.name === name)?.outcome;

describe('the speed of a precision', () => {
  it('is compared picture by picture, so that pictures of different length are no noise', () => {
    const twice = compare(40, (index, ms) => picture(index, ms / 2));
    expect(scoreOf(twice, 'speedup.latency')?.value).toBeCloseTo(2, 9);
    expect(outcomeOf(twice, 'speed:latency')).toBe('pass');
    expect(
      outcomeOf(
        compare(40, (index, ms) => picture(index, 2 * ms)),
        'speed:latency',
      ),
    ).toBe('fail');
  });

  it('is not decided where the pairs scatter about equality', () => {
    const equal = compare(40, (index, ms) => picture(index, ms * (index % 2 === 0 ? 1.05 : 0.95)));
    expect(outcomeOf(equal, 'speed:latency')).toBe('inconclusive');
  });

  it('is too noisy to judge where the pairs scatter widely, however many there are', () => {
    const wild = compare(400, (index, ms) => picture(index, ms / (index % 2 === 0 ? 1.2 : 4)));
    expect(scoreOf(wild, 'speedup.latency')?.interval?.low).toBeGreaterThan(1.5);
    expect(wild.verdicts[0]).toMatchObject({ name: 'speed:latency', outcome: 'inconclusive' });
    expect(wild.verdicts[0]?.detail).toContain('too noisy');
  });
});

describe('the quality of a precision', () => {
  const wrongEvery = (nth: number) => (index: number, ms: number) => picture(index, ms, index % nth === 0 ? WRONG : RIGHT);

  it('is kept when nothing differs on enough pictures to say so', () => {
    expect(
      outcomeOf(
        compare(100, (index, ms) => picture(index, ms)),
        'quality:caption.object_f1',
      ),
    ).toBe('pass');
    const few = compare(50, (index, ms) => picture(index, ms));
    expect(outcomeOf(few, 'quality:caption.object_f1')).toBe('inconclusive');
    expect(few.verdicts[1]?.detail).toContain('excludes a loss only above 6.0 points');
  });

  it('is lost when the whole interval is beyond the margin, and undecided when the margin is in it', () => {
    const worse = compare(200, wrongEvery(5));
    expect(scoreOf(worse, 'difference.caption.object_f1')?.value).toBeCloseTo(-0.2, 9);
    expect(outcomeOf(worse, 'quality:caption.object_f1')).toBe('fail');
    expect(outcomeOf(compare(40, wrongEvery(30)), 'quality:caption.object_f1')).toBe('inconclusive');
  });

  it('says which share of captions and answers is the same text', () => {
    const compared = compare(10, (index, ms) => picture(index, ms, index < 3 ? WRONG : RIGHT, index < 5 ? 'blue' : 'red'));
    expect(scoreOf(compared, 'agreement.captions')?.value).toBeCloseTo(0.7, 9);
    expect(scoreOf(compared, 'agreement.answers')?.value).toBeCloseTo(0.75, 9);
  });

  it('is judged on the pictures that both have seen', () => {
    const reference = { name: 'f16', pictures: [picture(0, 10), picture(1, 10)] };
    const subject = { name: 'q4_0', pictures: [picture(1, 5), picture(2, 1)] };
    const compared = comparePrecisions(subject, reference, VOCABULARY, 0);
    expect(scoreOf(compared, 'speedup.latency')).toMatchObject({ value: 2, n: 1 });
    expect(comparePrecisions(subject, { name: 'f16', pictures: [] }, VOCABULARY, 0)).toEqual({ scores: [], samples: [], verdicts: [] });
  });
});
