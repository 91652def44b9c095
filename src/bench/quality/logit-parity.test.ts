import { describe, expect, it } from 'vitest';
import type { GenerateEvent, GenerateRequest } from '../../core/generator.js';
import { compareAlong, giveAnswers, judgeLogitParity, logitParity, type LogitParity, type ScoringModel } from './logit-parity.js';

const never = new AbortController().signal;
const input = { prompt: 'Go.' };

/** Says `tokens` and scores whatever it is led along, the same row each time. */
function model(tokens: readonly (number | null)[], row: readonly number[], promptTokens = 3): ScoringModel & { asked: GenerateRequest[] } {
  const asked: GenerateRequest[] = [];
  const generate = async function* (request: GenerateRequest): AsyncGenerator<GenerateEvent, void, void> {
    asked.push(request);
    await Promise.resolve();
    for (const token of tokens) yield { type: 'token', token, text: '' };
  };
  return {
    asked,
    generator: { generate, close: () => Promise.resolve() } as unknown as ScoringModel['generator'],
    score: (request) => Promise.resolve({ promptTokens, logits: [...request.tokens, 0].map(() => Float32Array.from(row)) }),
  };
}
async function* twice(): AsyncGenerator<GenerateRequest['input'], void, void> {
  await Promise.resolve();
  yield input;
  yield input;
}
const compared = async (one: ScoringModel, other: ScoringModel): Promise<LogitParity> =>
  compareAlong(other, (await giveAnswers(one, twice(), 9, never)) ?? [], never);

describe('a model that is led along the answers of another', () => {
  it('is compared token by token, the end of each answer included', async () => {
    const one = model([1, 2], [0, 1, 2]);
    expect(await compared(one, model([], [10, 11, 12]))).toEqual({ answers: 2, samePrompts: 2, tokens: 6, top1: 1, klMean: 0, klP99: 0 });
    // Greedy, cold, and no longer than was asked for.
    expect(one.asked[0]).toMatchObject({ maxTokens: 9, sampling: { temperature: 0 }, reuse: false });
    const { top1, klMean, klP99 } = await compared(one, model([], [2, 1, 0]));
    expect(top1).toBe(0);
    expect(klMean).toBeGreaterThan(1);
    expect(klP99).toBeCloseTo(klMean, 9);
  });

  it('cannot be where tokens are not told', async () => {
    expect(await giveAnswers(model([1, null], [0]), twice(), 9, never)).toBeNull();
  });

  it('is no longer when it is stopped', async () => {
    await expect(giveAnswers(model([1], [0]), twice(), 9, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('the verdict', () => {
  const same: LogitParity = { answers: 2, samePrompts: 2, tokens: 200, top1: 1, klMean: 1e-6, klP99: 1e-5 };
  const outcome = (parity: Partial<LogitParity>, sameWeights: boolean): string | undefined =>
    judgeLogitParity({ ...same, ...parity }, { along: 'it', sameWeights }).verdicts[0]?.outcome;

  it('passes within the bounds, whatever the weights', () => {
    expect([outcome({}, true), outcome({}, false)]).toEqual(['pass', 'pass']);
  });

  it.each<[string, Partial<LogitParity>]>([
    ['other tokens are likely', { top1: 0.98 }],
    ['the distribution is another', { klMean: 0.002 }],
    ['prompts were read differently', { samePrompts: 1 }],
  ])('fails where %s and the weights are the same, and decides nothing of others', (_, parity) => {
    expect([outcome(parity, true), outcome(parity, false)]).toEqual(['fail', 'inconclusive']);
  });

  it('has its figures as scores; what is infinite is none', () => {
    const names = (parity: LogitParity): string[] =>
      judgeLogitParity(parity, { along: 'it', sameWeights: true }).scores.map(({ name }) => name);
    expect(names(same)).toEqual(['parity.top1', 'parity.kl_mean', 'parity.kl_p99']);
    expect(names({ ...same, klMean: Infinity, klP99: Infinity })).toEqual(['parity.top1']);
    expect(judgeLogitParity(same, { along: 'one answer', sameWeights: true }).verdicts[0]?.detail).toMatch(
      /^led along one answer, 100\.0% of 200/,
    );
  });
});

it('two lists of logits are compared as far as both go', () => {
  const rows = [Float32Array.of(0, 1), Float32Array.of(1, 0)];
  expect(logitParity(rows, rows.slice(0, 1))).toMatchObject({ tokens: 1, top1: 1, klMean: 0 });
});
