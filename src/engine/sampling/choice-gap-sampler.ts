import { mersenneTwister } from './mersenne-twister.js';
import type { ResolvedSampling } from './resolve-sampling.js';
import type { Sampler } from './sampler.js';

/**
 * Samples as another sampler does and notes how narrowly each token was chosen, as `GenerateResult.choiceGaps` says. Two engines that
 * differ in the rounding of sums may say different tokens where the gap is as small as that, and only there.
 */
export class ChoiceGapSampler implements Sampler {
  readonly #gaps: (number | null)[] = [];
  readonly #gapOf: (logits: Float32Array) => { token: number; gap: number } | null;

  constructor(
    private readonly sampler: Sampler,
    options: ResolvedSampling,
  ) {
    this.#gapOf = gapRule(options);
  }

  /** One for each call of `sample` so far. */
  get gaps(): readonly (number | null)[] {
    return this.#gaps;
  }

  sample(logits: Float32Array): number {
    const narrow = this.#gapOf(logits);
    const token = this.sampler.sample(logits);
    // Another token than was foreseen: then nothing is known of it.
    this.#gaps.push(narrow?.token === token ? narrow.gap : null);
    return token;
  }

  accept(token: number): void {
    this.sampler.accept(token);
  }

  [Symbol.dispose](): void {
    this.sampler[Symbol.dispose]();
  }
}

function gapRule({
  temperature,
  topK,
  topP,
  minP,
  seed,
  ...penalties
}: ResolvedSampling): (logits: Float32Array) => { token: number; gap: number } | null {
  const penalised = penalties.repeatPenalty !== 1 || penalties.frequencyPenalty !== 0 || penalties.presencePenalty !== 0;
  if (penalised) return () => null;
  if (temperature === 0) return topTwo;
  const cut = topK > 0 || topP < 1 || minP > 0;
  const next = mersenneTwister(seed);
  return (logits) => {
    const drawn = uniform(next);
    return cut ? null : distanceToEdge(logits, temperature, drawn);
  };
}

/** As `std::uniform_real_distribution<double>` makes one of two draws: the low half first. */
function uniform(next: () => number): number {
  const low = next();
  return (low + next() * 2 ** 32) / 2 ** 64;
}

function topTwo(logits: Float32Array): { token: number; gap: number } {
  let [token, first, second] = [0, -Infinity, -Infinity];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? -Infinity;
    if (logit > first) [token, first, second] = [i, logit, first];
    else if (logit > second) second = logit;
  }
  return { token, gap: first - second };
}

/** libllama's `dist`: tokens in their order, each as wide as its probability; the one that `drawn` falls into is taken. */
function distanceToEdge(logits: Float32Array, temperature: number, drawn: number): { token: number; gap: number } {
  const scaled = logits.map((logit) => logit / temperature);
  const highest = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scaled.map((logit) => Math.exp(logit - highest));
  let sum = 0;
  for (const weight of weights) sum += weight;
  const target = drawn * sum;
  let end = 0;
  for (let token = 0; token < weights.length; token++) {
    const start = end;
    end += weights[token] ?? 0;
    if (end < target) continue;
    // Nothing lies before the first token and behind the last.
    const below = start === 0 ? Infinity : target - start;
    return { token, gap: Math.min(below, end === sum ? Infinity : end - target) / sum };
  }
  return { token: weights.length - 1, gap: 0 };
}
