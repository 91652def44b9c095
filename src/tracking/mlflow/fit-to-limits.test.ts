import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutBatch, MOST, NOTHING_SENT } from './cut-batch.js';
import { CHANGES_TAG, fitToLimits, LONGEST_KEY, LONGEST_VALUE } from './fit-to-limits.js';

const point = { value: 1, timestamp: 0, step: 0 };

it('leaves alone what fits', () => {
  const data = { params: [{ key: 'model_name', value: 'shapes' }], tags: [], metrics: [{ key: 'summary/a b/decode_at_0.p99', ...point }] };
  expect(fitToLimits(data)).toEqual({ ...data, changes: [] });
});

it('takes any key and value to one that every server takes, different ones to different ones', () => {
  fc.assert(
    // What stands for half a character must come from a cut, not from the key.
    fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 400 }).filter(isWhole), { maxLength: 20 }), (keys) => {
      const { params, metrics } = fitToLimits({
        params: keys.map((key) => ({ key, value: key.repeat(60) })),
        tags: [],
        metrics: keys.map((key) => ({ key, ...point })),
      });
      for (const { key, value } of params) {
        expect(key).toMatch(/^[A-Za-z0-9_.\- ][/A-Za-z0-9_.\- ]*$/);
        expect(key).not.toMatch(/\/\/|\/$|(^|\/)\.\.?(\/|$)/);
        expect(key.length).toBeLessThanOrEqual(LONGEST_KEY);
        expect(Buffer.byteLength(value)).toBeLessThanOrEqual(LONGEST_VALUE);
        expect(value).not.toContain('\ufffd');
      }
      expect(new Set(params.map(({ key }) => key)).size).toBe(keys.length);
      expect(metrics.map(({ key }) => key)).toEqual(params.map(({ key }) => key));
    }),
  );
});

function isWhole(key: string): boolean {
  return !key.includes('\ufffd');
}

it('says what it changed, where the run is read', () => {
  const { tags, changes } = fitToLimits({ params: [{ key: 'a:b', value: 'x'.repeat(6000) }], tags: [], metrics: [] });
  expect(changes).toEqual([
    expect.stringContaining('a:b is cut to 5000 of 6000 bytes'),
    expect.stringMatching(/^a:b is named a_b_[0-9a-f]{8}$/),
  ]);
  expect(tags).toEqual([{ key: CHANGES_TAG, value: changes.join('; ') }]);
});

it('cuts batches within every limit, each item in one of them and in its order', () => {
  const items = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: 'v'.repeat(size) }));
  const metrics = Array.from({ length: 2500 }, (_, step) => ({ key: 'm', value: step, timestamp: 1_900_000_000_000, step }));
  const data = { params: items(250, 5000), tags: items(130, 5000), metrics };
  const all = { params: [] as unknown[], tags: [] as unknown[], metrics: [] as unknown[] };
  for (let next = cutBatch(data, NOTHING_SENT); next !== undefined; next = cutBatch(data, next.end)) {
    const { params, tags, metrics: points } = next.batch;
    expect(params.length).toBeLessThanOrEqual(MOST.params);
    expect(tags.length).toBeLessThanOrEqual(MOST.tags);
    expect(params.length + tags.length + points.length).toBeLessThanOrEqual(MOST.entities);
    expect(Buffer.byteLength(JSON.stringify({ run_id: 'x'.repeat(32), ...next.batch }))).toBeLessThanOrEqual(1_000_000);
    all.params.push(...params);
    all.tags.push(...tags);
    all.metrics.push(...points);
  }
  expect(all).toEqual(data);
});
