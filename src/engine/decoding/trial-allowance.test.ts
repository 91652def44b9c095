import { describe, expect, test } from 'vitest';
import { TrialAllowance } from './trial-allowance.js';

/** Of 10% of the time, after 100 passes of 1 ms: 10 ms. */
function saved(): TrialAllowance {
  const allowance = new TrialAllowance(0.1);
  for (let pass = 0; pass < 100; pass++) allowance.spend(1, false);
  return allowance;
}

/** How many tries of the kind are paid for. */
function tries(loss_ms: number, spend: (allowance: TrialAllowance) => void): number {
  const allowance = saved();
  let count = 0;
  while (count < 1000 && allowance.pays(loss_ms, 3)) {
    spend(allowance);
    count++;
  }
  return count;
}

describe('time for tries', () => {
  test('is a share of all time, and spent as tries are expected to lose', () => {
    expect(saved().pays(11, 3)).toBe(false);
    expect(
      tries(1.9, (allowance) => {
        allowance.spend(0, false);
      }),
    ).toBe(5);
  });

  test('a graph that had to be built for a try is lost as well, a wait for others is not', () => {
    expect(
      tries(2, (allowance) => {
        allowance.spend(6, true);
      }),
    ).toBeLessThan(4);
    expect(
      tries(2, (allowance) => {
        allowance.spend(6, false);
      }),
    ).toBeGreaterThan(4);
  });

  test('where a try came to nothing, what that took is lost', () => {
    expect(
      tries(0.5, (allowance) => {
        allowance.spend(0, false, 5);
      }),
    ).toBe(2);
  });
});
