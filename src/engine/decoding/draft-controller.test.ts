import { describe, expect, test } from 'vitest';
import type { SpeculationCosts } from '../../core/decoding.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';
import { DraftController } from './draft-controller.js';

/** Two Zen 4 cores, a repacked Q4_0 model of 1.1B: batches of four are cheaper than those of three. */
const ZEN: SpeculationCosts = { draft_ms: [0, 0, 0, 0, 0], verify_ms: [50, 80, 120, 105, 145] };
const costing = (guess_ms: number, { verify_ms } = ZEN): SpeculationCosts => ({
  verify_ms,
  draft_ms: verify_ms.map((_, n) => n * guess_ms),
});

/** Decodes with guesses of which a share is right. @returns how often each number of guesses was chosen in the last passes, and the time all took */
function decode(
  controller: DraftController,
  costs: SpeculationCosts,
  acceptance: number,
  passes: number,
  seed = 1,
): { chosen: number[]; ms: number; tokens: number } {
  const next = smallFastCounter(seed);
  const chosen = costs.verify_ms.map(() => 0);
  let [ms, tokens] = [0, 0];
  for (let pass = 0; pass < passes; pass++) {
    const count = controller.choose();
    controller.recordCost(count, costs.draft_ms[count] ?? NaN, costs.verify_ms[count] ?? NaN);
    let accepted = 0;
    while (accepted < count && next() / 2 ** 32 < acceptance) accepted++;
    controller.recordAccepted(Math.min(accepted + 1, count), accepted);
    ms += (costs.draft_ms[count] ?? NaN) + (costs.verify_ms[count] ?? NaN);
    tokens += accepted + 1;
    if (pass >= passes / 2) chosen[count] = (chosen[count] ?? 0) + 1;
  }
  return { chosen, ms, tokens };
}

/** The number that a table of costs and an acceptance call for. */
function best(costs: SpeculationCosts, acceptance: number): number {
  const rates = costs.verify_ms.map((verify, n) => (1 - acceptance ** (n + 1)) / (1 - acceptance) / (verify + (costs.draft_ms[n] ?? 0)));
  return rates.indexOf(Math.max(...rates));
}

const mode = (chosen: readonly number[]): number => chosen.indexOf(Math.max(...chosen));

describe('how many tokens to guess', () => {
  test.each([
    ['free guesses: the batch of four is the cheapest by the token', costing(0), 0.8, 3],
    ['a draft of a tenth of the cost', costing(5), 0.9, 3],
    ['guesses that are hardly ever right', costing(0), 0.1, 0],
    ['a draft nearly as slow as the target (TinyLlama for a 1.4B)', costing(40), 0.9, 0],
    ['a device on which verifying costs nothing more', costing(1, { ...ZEN, verify_ms: [50, 50, 51, 51, 52] }), 0.7, 4],
  ])('%s', (_, costs, acceptance, expected) => {
    expect(best(costs, acceptance)).toBe(expected);
    const controller = new DraftController({ draftTokens: 4, adaptive: true });
    const { chosen } = decode(controller, costs, acceptance, 1500);
    expect(mode(chosen)).toBe(expected);
    expect(controller.acceptance).toBeCloseTo(acceptance, 0);
  });

  test('where guesses do not pay, all that is lost is a few passes', () => {
    const costs = costing(40);
    const { ms, tokens } = decode(new DraftController({ draftTokens: 4, adaptive: true }), costs, 0.5, 4000);
    expect(tokens / ms).toBeGreaterThan((0.97 * 1) / 50);
  });

  test('notices when the text becomes easier to guess, and when it no longer is', () => {
    const controller = new DraftController({ draftTokens: 4, adaptive: true });
    expect(mode(decode(controller, costing(0), 0.05, 600).chosen)).toBe(0);
    expect(mode(decode(controller, costing(0), 0.98, 3000).chosen)).toBe(3);
    expect(mode(decode(controller, costing(0), 0.05, 3000).chosen)).toBe(0);
  });

  test('notices when the device slows down for batches', () => {
    const controller = new DraftController({ draftTokens: 4, adaptive: true });
    expect(mode(decode(controller, costing(0), 0.9, 500).chosen)).toBeGreaterThan(2);
    const hot: SpeculationCosts = { draft_ms: ZEN.draft_ms, verify_ms: [50, 100, 150, 200, 250] };
    expect(mode(decode(controller, hot, 0.9, 4000).chosen)).toBe(0);
  });

  test('costs that were measured before are not measured again', () => {
    const controller = new DraftController({ draftTokens: 4, adaptive: true, costs: costing(0) });
    expect(controller.costs).toEqual(costing(0));
    expect(controller.choose()).toBe(best(costing(0), 0.7));
  });

  test('costs are medians without the first, which builds the graph', () => {
    const controller = new DraftController({ draftTokens: 1, adaptive: true });
    for (const ms of [900, 10, 12, 500, 11]) controller.recordCost(0, 0, ms);
    expect(controller.costs).toBeUndefined();
    for (const ms of [900, 20, 22]) controller.recordCost(1, 1, ms);
    expect(controller.costs).toEqual({ draft_ms: [0, 1], verify_ms: [11.5, 21] });
  });

  test('without adaption, always as many as were asked for', () => {
    const controller = new DraftController({ draftTokens: 3, adaptive: false });
    expect(decode(controller, costing(100), 0, 100).chosen).toEqual([0, 0, 0, 50, 0]);
  });
});
