import { describe, expect, it } from 'vitest';
import { Random } from './random.js';

describe('Random', () => {
  it('gives the numbers of the reference xoshiro128**', () => {
    const random = new Random(1, 2, 3, 4);
    // Printed by the authors' C code with the same state.
    const reference = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804];
    expect(reference.map(() => random.bits())).toEqual(reference);
  });

  it('keeps to its bounds', () => {
    const random = Random.of('bounds');
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const x = random.uniform(-2, 3);
      expect(x).toBeGreaterThanOrEqual(-2);
      expect(x).toBeLessThan(3);
      seen.add(random.below(4));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  });

  it('samples without repetition and never more than there is', () => {
    const random = Random.of('sample');
    expect(new Set(random.sample([1, 2, 3, 4, 5], 5)).size).toBe(5);
    expect(random.sample([1, 2], 3)).toHaveLength(2);
    expect(() => random.pick([])).toThrow(RangeError);
  });
});
