import { compareLogits, type LogitComparison } from '../../core/compare-logits.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { GenerateRequest, Generator } from '../../core/generator.js';
import { percentile } from '../../core/percentiles.js';
import type { Score, Verdict } from '../../core/run-record.js';
import type { OpenRuntime, ScoredAnswer } from '../../core/runtime.js';

/** Of an answer, at most so many tokens are compared: a row of logits has the size of the vocabulary. */
const TOKENS = 32;
/** Within these two models count as the same: rounding alone moves them by less, other weights by more. */
const WANTED = { top1: 0.99, kl: 1e-3 } as const;

/** A model that tells logits. */
export interface ScoringModel {
  readonly generator: Generator;
  readonly score: NonNullable<OpenRuntime['score']>;
}

/** What a model said, greedily, and what it chose from. */
export interface GivenAnswer extends ScoredAnswer {
  readonly input: GenerateRequest['input'];
  readonly tokens: readonly number[];
}

/** How far a model is from another that was led along the same tokens. */
export interface LogitParity {
  /** Tokens that were compared, the ends of answers among them. */
  readonly tokens: number;
  /** How many answers they are of, and to how many of them both read a prompt of the same length. */
  readonly answers: number;
  readonly samePrompts: number;
  /** Share of the tokens that both think the likeliest. */
  readonly top1: number;
  /** Divergence of the model's distributions from the other's, nats. */
  readonly klMean: number;
  readonly klP99: number;
}

/**
 * The answers of the model that others are measured by, with its logits.
 * @returns null where a token is not told @throws what the model throws; CANCELLED
 */
export async function giveAnswers(
  { generator, score }: ScoringModel,
  inputs: AsyncIterable<GenerateRequest['input']>,
  maxTokens: number,
  signal: AbortSignal,
): Promise<GivenAnswer[] | null> {
  const given: GivenAnswer[] = [];
  for await (const input of inputs) {
    const tokens: number[] = [];
    const request = { input, maxTokens: Math.min(maxTokens, TOKENS), sampling: { temperature: 0 }, reuse: false };
    for await (const event of generator.generate(request, signal)) {
      if (event.type === 'done') continue;
      if (event.token === null) return null;
      tokens.push(event.token);
    }
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped while comparing logits');
    given.push({ input, tokens, ...(await score({ input, tokens }, signal)) });
  }
  return given;
}

/** Leads a model along the answers and compares what it would have chosen from. @throws what the model throws */
export async function compareAlong({ score }: ScoringModel, given: readonly GivenAnswer[], signal: AbortSignal): Promise<LogitParity> {
  let samePrompts = 0;
  const compared: LogitComparison[] = [];
  for (const { input, tokens, promptTokens, logits } of given) {
    const scored = await score({ input, tokens }, signal);
    if (scored.promptTokens === promptTokens) samePrompts++;
    compared.push(...compareRows(logits, scored.logits));
  }
  return { ...summarise(compared), answers: given.length, samePrompts };
}

/** Compares what two models would choose from after the same tokens. @param reference rows of [vocabulary] @param other the same */
export function logitParity(reference: readonly Float32Array[], other: readonly Float32Array[]): LogitParity {
  return { ...summarise(compareRows(reference, other)), answers: 1, samePrompts: 1 };
}

/** Row by row, as far as both go. */
function compareRows(reference: readonly Float32Array[], other: readonly Float32Array[]): LogitComparison[] {
  return reference.flatMap((row, at) => {
    const theirs = other[at];
    return theirs === undefined ? [] : [compareLogits(row, theirs)];
  });
}

function summarise(compared: readonly LogitComparison[]): Pick<LogitParity, 'tokens' | 'top1' | 'klMean' | 'klP99'> {
  const divergences = compared.map(({ kl }) => kl).sort((a, b) => a - b);
  const tokens = compared.length;
  return {
    tokens,
    top1: compared.filter(({ agrees }) => agrees).length / tokens,
    klMean: divergences.reduce((sum, kl) => sum + kl, 0) / tokens,
    klP99: percentile(divergences, 0.99).value,
  };
}

/**
 * `parity:logits`, and its figures as scores. Other weights may differ, so beyond the bounds that is inconclusive; of the same
 * weights it is a failure.
 */
export function judgeLogitParity(
  { answers, tokens, samePrompts, top1, klMean, klP99 }: LogitParity,
  { along, sameWeights }: { readonly along: string; readonly sameWeights: boolean },
): { verdicts: Verdict[]; scores: Score[] } {
  const holds = samePrompts === answers && top1 >= WANTED.top1 && klMean <= WANTED.kl;
  const prompts = samePrompts === answers ? '' : `; ${answers - samePrompts} of ${answers} prompts are of another length`;
  const detail =
    `led along ${along}, ${(100 * top1).toFixed(1)}% of ${tokens} tokens are the likeliest in both; ` +
    `divergence mean ${klMean.toPrecision(3)}, p99 ${klP99.toPrecision(3)} nats (wanted: ${100 * WANTED.top1}%, ${WANTED.kl})${prompts}`;
  const score = (name: string, unit: string, value: number): Score => ({ name, unit, value, n: tokens, interval: null });
  return {
    verdicts: [{ name: 'parity:logits', outcome: holds ? 'pass' : sameWeights ? 'fail' : 'inconclusive', detail }],
    scores: [
      score('parity.top1', 'fraction', top1),
      // Infinite where one thinks impossible what the other does not; a record holds numbers.
      ...([klMean, klP99].every(Number.isFinite) ? [score('parity.kl_mean', 'nats', klMean), score('parity.kl_p99', 'nats', klP99)] : []),
    ],
  };
}
