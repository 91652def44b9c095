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
  measured: (ms: number) => number = (ms) => ms,
): { chosen: number[]; ms: number; tokens: number } {
  const next = smallFastCounter(1);
  const chosen = costs.verify_ms.map(() => 0);
  let [ms, tokens] = [0, 0];
  for (let pass = 0; pass < passes; pass++) {
    const count = controller.choose();
    controller.recordCost(count, measured(costs.draft_ms[count] ?? NaN), measured(costs.verify_ms[count] ?? NaN));
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

  test('what was never tried is read off its neighbours', () => {
    const controller = new DraftController({ draftTokens: 4, adaptive: true });
    for (const ms of [900, 10, 10]) controller.recordCost(0, 0, ms);
    for (const ms of [900, 10]) controller.recordCost(0, 0, ms);
    for (const ms of [900, 16, 16]) controller.recordCost(2, 2, ms);
    expect(controller.costs).toEqual({ draft_ms: [0, 1, 2, 3, 4], verify_ms: [10, 13, 16, 19, 22] });
  });

  test('costs are lower quartiles without the first, which builds the graph', () => {
    const controller = new DraftController({ draftTokens: 1, adaptive: true });
    for (const ms of [900, 10, 12, 500, 11, 13]) controller.recordCost(0, 0, ms);
    expect(controller.costs).toBeUndefined();
    for (const ms of [900, 20, 22]) controller.recordCost(1, 1, ms);
    expect(controller.costs).toEqual({ draft_ms: [0, 1], verify_ms: [11, 20] });
  });

  test('what was measured before counts at the pace of now until it is measured again', () => {
    const controller = new DraftController({ draftTokens: 2, adaptive: true, costs: { draft_ms: [0, 1, 2], verify_ms: [10, 15, 20] } });
    for (let i = 0; i < 3; i++) controller.recordCost(0, 0, 30);
    expect(controller.costs).toEqual({ draft_ms: [0, 3, 6], verify_ms: [30, 45, 60] });
    for (let i = 0; i < 3; i++) controller.recordCost(2, 1, 33);
    expect(controller.costs).toEqual({ draft_ms: [0, 3, 1], verify_ms: [30, 45, 33] });
  });

  test('what a guesser took to find nothing is no cost of passes without guesses', () => {
    const controller = new DraftController({ draftTokens: 1, adaptive: true });
    for (let i = 0; i < 5; i++) controller.recordCost(0, 7, 10);
    for (let i = 0; i < 5; i++) controller.recordCost(1, 7, 15);
    expect(controller.costs).toEqual({ draft_ms: [0, 7], verify_ms: [10, 15] });
  });

  test('passes that build a graph, come right after the prompt or, without guesses, after some say nothing about others', () => {
    const controller = new DraftController({ draftTokens: 1, adaptive: true });
    for (let i = 0; i < 3; i++) controller.recordCost(0, 0, 10);
    for (let i = 0; i < 3; i++) controller.recordCost(1, 0, 15);
    for (let i = 0; i < 20; i++) {
      controller.recordCost(1, 0, 99, true);
      controller.recordCost(0, 0, 99);
      controller.choose({ said: 1 });
      controller.recordCost(0, 0, 99);
      controller.recordCost(1, 0, 99);
      controller.choose({ said: 8 });
    }
    expect(controller.costs).toEqual({ draft_ms: [0, 0], verify_ms: [10, 15] });
  });

  test('where most answers end after a word, none is guessed until there are more', () => {
    const costs: SpeculationCosts = { draft_ms: [0, 1, 2], verify_ms: [10, 14, 16] };
    const controller = new DraftController({ draftTokens: 2, adaptive: true, costs });
    expect(controller.choose({ said: 1 })).toBe(2);
    for (const tokens of [1, 1, 30, 1, 1, 1, 30, 1]) controller.recordAnswer(tokens);
    expect(controller.choose({ said: 1 })).toBe(0);
    expect(controller.choose({ said: 2 })).toBe(2);
  });

  test('a gain that is too small to be told on a device is none: passes of a tiny model', () => {
    const scaled = (by: number): DraftController => {
      const scale = (values: readonly number[]): number[] => values.map((value) => by * value);
      const costs = { draft_ms: scale([0, 1, 2]), verify_ms: scale([10, 14, 16]) };
      return new DraftController({ draftTokens: 2, adaptive: true, costs });
    };
    expect(scaled(1).choose()).toBe(2);
    expect(scaled(0.02).choose()).toBe(0);
  });

  /** A 1.1B model of Q4_0 on two Zen 5 cores, with a draft of an eighth of its cost, as measured. */
  const MEASURED: SpeculationCosts = {
    verify_ms: [14, 25.6, 36.4, 29.1, 40.6, 53.2, 62.3, 52.5],
    draft_ms: [0, 1.8, 3.5, 5.3, 7, 8.7, 10.5, 12.2],
  };

  test.each([0.3, 0.5, 0.66, 0.75, 0.86, 0.92, 0.96])(
    'beside other work on the machine it is as fast as the best number, acceptance %f',
    (acceptance) => {
      const controller = new DraftController({ draftTokens: 7, adaptive: true });
      // One measurement in ten is up to five times as long.
      const next = smallFastCounter(3);
      const spoilt = (ms: number): number => ms * (next() / 2 ** 32 < 0.1 ? 1 + (4 * next()) / 2 ** 32 : 1);
      const { tokens, ms } = decode(controller, MEASURED, acceptance, 2000, spoilt);
      const ideal = best(MEASURED, acceptance);
      const rate =
        (1 - acceptance ** (ideal + 1)) / (1 - acceptance) / ((MEASURED.verify_ms[ideal] ?? NaN) + (MEASURED.draft_ms[ideal] ?? NaN));
      expect(tokens / ms / rate).toBeGreaterThan(0.95);
    },
  );

  test('a draft is not made to read for answers that are too short to be worth it', () => {
    const costs = costing(5);
    const readCost = 100;
    const answers = (length: number, count: number): { plain: number; whole: number; ms: number } => {
      const controller = new DraftController({ draftTokens: 4, adaptive: true });
      const next = smallFastCounter(5);
      let [plain, ms] = [0, 0];
      for (let answer = 0; answer < count; answer++) {
        let isRead = false;
        for (let said = 1; said < length;) {
          const guesses = Math.min(controller.choose({ unread: isRead ? 0 : 50, said, allowed: 100 }), 100);
          const reads: boolean = guesses > 0 && !isRead;
          if (reads) controller.recordRead(50, readCost);
          const draft_ms = costs.draft_ms[guesses] ?? NaN;
          const verify_ms = costs.verify_ms[guesses] ?? NaN;
          controller.recordCost(guesses, reads ? undefined : draft_ms, verify_ms);
          ms += draft_ms + verify_ms + (reads ? readCost : 0);
          isRead ||= reads;
          let accepted = 0;
          while (accepted < guesses && next() / 2 ** 32 < 0.9) accepted++;
          controller.recordAccepted(Math.min(accepted + 1, guesses), accepted);
          said += accepted + 1;
        }
        controller.recordAnswer(length);
        plain += isRead ? 0 : 1;
      }
      return { plain, whole: count, ms };
    };
    const short = answers(5, 200);
    expect(short.plain / short.whole).toBeGreaterThan(0.85);
    expect(short.ms).toBeLessThan(1.1 * 200 * 4 * 50);
    const long = answers(100, 40);
    expect(long.plain / long.whole).toBeLessThan(0.1);
  });

  test('without adaption, always as many as were asked for', () => {
    const controller = new DraftController({ draftTokens: 3, adaptive: false });
    expect(decode(controller, costing(100), 0, 100).chosen).toEqual([0, 0, 0, 50, 0]);
  });
});
