import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { axisOver, positionOn } from './axis.js';

describe('an axis', () => {
  it('covers every value with a few round, ascending ticks', () => {
    const value = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map((number) => Number(number.toPrecision(6)));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
        const { low, high, ticks } = axisOver(values);
        expect(low).toBeLessThan(high);
        expect(ticks.length).toBeLessThanOrEqual(8);
        expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
        const slack = 1e-9 * Math.max(1, ...values.map(Math.abs));
        for (const one of values) {
          expect(one).toBeGreaterThanOrEqual(low - slack);
          expect(one).toBeLessThanOrEqual(high + slack);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [[0.97, 1], undefined, [0.97, 0.98, 0.99, 1]],
    [[12, 19], 0, [0, 5, 10, 15, 20]],
    [[7], undefined, [6, 8]],
    [[0], undefined, [0, 1]],
    [[5e-324], undefined, [0, 1]],
    [[1e9, 1e9 + 1e-7], undefined, [1e9, 1.5e9]],
    [[], undefined, [0, 1]],
    [[NaN, Infinity], undefined, [0, 1]],
  ])('of %j from %j has the ticks %j', (values, from, ticks) => {
    expect(axisOver(values, from === undefined ? {} : { from }).ticks).toEqual(ticks);
  });

  it('has ticks that are round in its unit', () => {
    expect(axisOver([2.4 * 2 ** 20, 7 * 2 ** 20], { from: 0, count: 3, unit: 2 ** 20 }).ticks).toEqual([0, 5 * 2 ** 20, 10 * 2 ** 20]);
  });

  it('places values between its ends, and what lies beyond at the end', () => {
    const axis = axisOver([0, 10]);
    expect([-5, 0, 5, 10, 99].map((value) => positionOn(axis, value, 100, 200))).toEqual([100, 100, 150, 200, 200]);
  });
});
