import { describe, expect, test } from 'vitest';
import { chooseExits, evaluate, type ChooseExitsOptions } from './choose-exits.js';
import type { ExitObservation } from './observe-exits.js';

const OPTIONS: ChooseExitsOptions = { exits: [2, 4], layers: 8, costs: { head: 0.5, keysAndValues: 0.1 }, target: 0.99 };

/** As sure by every gate. */
const seen = (confidence: number, agrees: boolean): ExitObservation => ({
  confidence: { softmax_max: confidence, softmax_diff: confidence, state: confidence },
  agrees,
});

/** Of 1000 tokens so many are right early; the surer a token, the likelier. */
const tokens = Array.from({ length: 1000 }, (_, i) => [seen(i / 1000, i >= 600), seen(i / 1000, i >= 300)]);

describe('exits', () => {
  test('keep the agreement and save most', () => {
    const chosen = chooseExits(tokens, OPTIONS);
    expect(chosen?.agreement).toBeGreaterThanOrEqual(0.99);
    // The gate without a head is cheapest where all gates are as good.
    expect(chosen?.gate).toBe('state');
    expect(chosen?.exitLayers).toEqual([2, 4]);
    expect(chosen?.exitRate).toBeCloseTo(0.71, 2);
    const alone = chooseExits(tokens, { ...OPTIONS, exits: [2] });
    expect(alone).toMatchObject({ exitLayers: [2] });
    expect(alone?.exitThreshold[0]).toBeCloseTo(0.589, 3);
    expect(chosen?.saved).toBeGreaterThan(alone?.saved ?? 1);
  });

  test('that would have to be wrong too often are none', () => {
    const guessing = tokens.map((_, i) => [seen(0.5 + (i % 2) / 10, i % 5 > 0), seen(0.5, false)]);
    expect(chooseExits(guessing, OPTIONS)).toBeNull();
    expect(chooseExits([], OPTIONS)).toBeNull();
  });

  test('that cost more than they save are none', () => {
    const dear = { ...OPTIONS, costs: { head: 40, keysAndValues: 1 } };
    expect(chooseExits(tokens, dear)).toBeNull();
  });

  test('a target of all tokens allows no wrong one', () => {
    const chosen = chooseExits(tokens, { ...OPTIONS, target: 1 });
    expect(chosen?.agreement).toBe(1);
    expect(chosen?.exitRate).toBeGreaterThan(0.69);
  });

  test('are paid for by layers, gates, heads and what is left behind', () => {
    const one = [[seen(0.9, true), seen(0.9, true)]];
    // Two layers, the gate's head, keys and values of six.
    expect(evaluate(one, 'softmax_max', [0], [0.5], OPTIONS).saved).toBeCloseTo(1 - (2 + 0.5 + 0.6) / 8.5);
    // The head is needed after a gate without one, too.
    expect(evaluate(one, 'state', [0], [0.5], OPTIONS).saved).toBeCloseTo(1 - (2 + 0.5 + 0.6) / 8.5);
    // A gate that is passed in vain costs its head.
    expect(evaluate(one, 'softmax_diff', [0], [0.95], OPTIONS).saved).toBeCloseTo(-0.5 / 8.5);
  });
});
