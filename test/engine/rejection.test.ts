import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { synthesizeModel } from '../../src/convert/synthesize/synthesize-model.js';
import type { SamplingOptions } from '../../src/core/generator.js';
import type * as Rules from '../../src/engine/decoding/rejection-sample.js';
import { draw } from '../../src/engine/decoding/rejection-sample.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineResult } from '../../src/engine/engine-task.js';
import { createSampler } from '../../src/engine/sampling/create-sampler.js';
import { resolveSampling } from '../../src/engine/sampling/resolve-sampling.js';
import { temporaryFolder } from './support/tiny-models.js';
import { zScore } from './support/z-score.js';

/** A campaign takes more: `EDGEVLM_REJECTION_RUNS=50000`. */
const RUNS = Number(process.env['EDGEVLM_REJECTION_RUNS'] ?? 1500);
const TIMEOUT = 600_000;
/** Standard deviations that chance does not reach. */
const WORST_Z = 5;

type Rule = typeof Rules.rejectionSample;
const rule = vi.hoisted(() => ({ calls: 0, guesses: 0, instead: null as Rule | null }));
vi.mock('../../src/engine/decoding/rejection-sample.js', async (original) => {
  const actual = await original<typeof Rules>();
  return {
    ...actual,
    rejectionSample: ((p, guess, random) => {
      rule.calls++;
      rule.guesses += Number(guess !== null);
      return (rule.instead ?? actual.rejectionSample)(p, guess, random);
    }) satisfies Rule,
  };
});

/** Four candidates for each token: the planted one at some 70%. */
const sampling = (seed: number): SamplingOptions => ({ temperature: 8, topK: 4, topP: 1, minP: 0, seed });
const PROMPT = Int32Array.of(1, 400, 500);
const TOKENS = 3;

const folder = await temporaryFolder();
const file = (name: string): string => join(folder, `${name}.gguf`);
let engine: Engine;
/** Of every answer of three tokens, how often it is to come. */
const expected = new Map<string, number>();
let overlap = 0;

beforeAll(async () => {
  const tiny = { shape: 'tiny', architecture: 'llama', type: 'f16', threads: 1 } as const;
  await synthesizeModel({ ...tiny, seed: 1, planted: { seed: 7, agree: 1 }, out: file('target') });
  // Other weights, and wrong about the next token half of the time.
  await synthesizeModel({ ...tiny, seed: 2, planted: { seed: 7, agree: 0.5 }, out: file('draft') });
  engine = await Engine.load({ model: file('target'), draft: { model: file('draft') }, threads: 1, context: 256 });
  using drafter = await Engine.load({ model: file('draft'), threads: 1, context: 256 });
  using sampler = createSampler(engine.shape.vocabulary, resolveSampling(sampling(0)));
  /** What a model draws its next token from. */
  const next = async (of: Engine, tokens: readonly number[]): Promise<Float32Array> => {
    const [logits = new Float32Array()] = await of.runner.decode([
      { sequence: 1_000_000, tokens: Int32Array.of(...PROMPT, ...tokens), logits: 'last' },
    ]);
    of.runner.truncate(1_000_000, 0);
    return sampler.probabilities(logits);
  };
  const likely = (p: Float32Array): [number, number][] => [...p.entries()].filter(([, share]) => share > 0);
  for (const [a, ofA] of likely(await next(engine, []))) {
    const second = await next(engine, [a]);
    const guessed = await next(drafter, [a]);
    overlap += ofA * second.reduce((sum, share, token) => sum + Math.min(share, guessed[token] ?? 0), 0);
    for (const [b, ofB] of likely(second)) {
      for (const [c, ofC] of likely(await next(engine, [a, b]))) expected.set([a, b, c].join(), ofA * ofB * ofC);
    }
  }
}, TIMEOUT);
afterAll(() => {
  engine[Symbol.dispose]();
});

/** Answers of the whole engine. @returns how far from the target's distribution they are, and what became of the guesses */
async function run(): Promise<{ z: number; judged: number; accepted: number }> {
  const counts = new Map([...expected.keys()].map((answer) => [answer, 0]));
  let [judged, accepted, strange] = [0, 0, 0];
  for (let seed = 0; seed < RUNS; seed++) {
    const tokens: number[] = [];
    let result: EngineResult | undefined;
    const decoding = { strategy: 'speculative', verification: 'rejection', adaptive: false, draftTokens: 1 } as const;
    const task = { prompt: [{ type: 'tokens', tokens: PROMPT } as const], maxTokens: TOKENS, decoding, sampling: sampling(seed) };
    for await (const event of engine.generate({ ...task, isEnd: () => false })) {
      if (event.type === 'token') tokens.push(event.token);
      else ({ result } = event);
    }
    judged += result?.decoding.judged ?? 0;
    accepted += result?.decoding.accepted ?? 0;
    const said = tokens.join();
    const count = counts.get(said);
    if (count === undefined) strange++;
    else counts.set(said, count + 1);
  }
  const answers = [...expected].map(([said, share]) => ({ count: counts.get(said) ?? 0, of: RUNS * share }));
  // Rare answers count together, where χ² holds.
  const [rare, common] = [answers.filter(({ of }) => of < 5), answers.filter(({ of }) => of >= 5)];
  const sum = (of: typeof answers): typeof answers => [
    { count: of.reduce((total, one) => total + one.count, 0), of: of.reduce((total, one) => total + one.of, 0) },
  ];
  const cells = [...common, ...sum(rare)];
  const z = zScore([...cells.map(({ count }) => count), strange], [...cells.map(({ of }) => of), 0]);
  return { z, judged, accepted };
}

describe('an engine that verifies by rejection', () => {
  test(
    'draws whole answers from the target’s distribution, whatever a poor draft guesses',
    async () => {
      [rule.calls, rule.guesses, rule.instead] = [0, 0, null];
      const { z, judged, accepted } = await run();
      expect(z).toBeLessThan(WORST_Z);
      // One guess an answer; some were kept and some were not.
      expect([judged, rule.guesses]).toEqual([RUNS, RUNS]);
      expect(rule.calls).toBeGreaterThanOrEqual(RUNS * TOKENS);
      expect(accepted).toBeGreaterThan(0.1 * RUNS);
      expect(accepted).toBeLessThan(0.9 * RUNS);
      // Σ min(p, q) of them.
      expect(Math.abs(accepted / RUNS - overlap)).toBeLessThan(WORST_Z * Math.sqrt((overlap * (1 - overlap)) / RUNS));
    },
    TIMEOUT,
  );

  test(
    'would be found out if it drew from the target again what it rejects',
    async () => {
      rule.instead = (p, guess, random) => {
        const isKept = guess !== null && random() * (guess.drawnFrom?.[guess.token] ?? 1) < (p[guess.token] ?? 0);
        return isKept ? guess.token : draw(p, random);
      };
      const { z } = await run();
      rule.instead = null;
      expect(z).toBeGreaterThan(2 * WORST_Z);
    },
    TIMEOUT,
  );
});
