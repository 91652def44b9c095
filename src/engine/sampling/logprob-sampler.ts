import type { Sampler } from './sampler.js';

/** A token and the natural logarithm of its probability. */
export interface RankedToken {
  readonly token: number;
  readonly logprob: number;
}

/** How likely an answer's token was, and the likeliest tokens at its place, likeliest first. */
export interface TokenChances {
  readonly logprob: number;
  readonly top: readonly RankedToken[];
}

interface Row {
  readonly logits: Float32Array;
  readonly logSum: number;
  readonly top: readonly RankedToken[];
}

/**
 * Samples as another sampler does and notes what the model's own distribution said of each token taken: softmax of the logits as they
 * come, before the other sampler and what constrains it. Every strategy shows its verified logits to the sampler, so they are told;
 * early exit shows those of the layer that a token left after.
 */
export class LogprobSampler implements Sampler {
  readonly probabilities?: (logits: Float32Array) => Float32Array;
  #row: Row | undefined;
  readonly #taken: TokenChances[] = [];

  /** @param count how many of the likeliest are noted */
  constructor(
    private readonly sampler: Sampler,
    private readonly count: number,
  ) {
    const inner = sampler.probabilities?.bind(sampler);
    // Without it guesses would be matched where they are to be verified by rejection.
    if (inner !== undefined) {
      this.probabilities = (logits) => {
        this.#look(logits);
        return inner(logits);
      };
    }
  }

  sample(logits: Float32Array): number {
    this.#look(logits);
    return this.sampler.sample(logits);
  }

  accept(token: number): void {
    const row = this.#row;
    // A constraint takes away other tokens' logits, never that of the token taken.
    if (row !== undefined) this.#taken.push({ logprob: (row.logits[token] ?? -Infinity) - row.logSum, top: row.top });
    this.sampler.accept(token);
  }

  /** Of the oldest token that was taken and not told yet. */
  next(): TokenChances | undefined {
    return this.#taken.shift();
  }

  [Symbol.dispose](): void {
    this.sampler[Symbol.dispose]();
  }

  #look(logits: Float32Array): void {
    const logSum = logSumExp(logits);
    const top = largest(logits, this.count).map((token) => ({ token, logprob: (logits[token] ?? -Infinity) - logSum }));
    this.#row = { logits, logSum, top };
  }
}

function logSumExp(logits: Float32Array): number {
  let highest = -Infinity;
  for (const logit of logits) if (logit > highest) highest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return highest + Math.log(sum);
}

/** Indices of the `count` largest values, largest first; of equals the first. */
function largest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  if (count === 0) return found;
  let least = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? -Infinity;
    if (found.length === count && value <= least) continue;
    let at = found.length;
    while (at > 0 && (values[found[at - 1] ?? 0] ?? -Infinity) < value) at--;
    found.splice(at, 0, i);
    if (found.length > count) found.pop();
    least = values[found.at(-1) ?? 0] ?? -Infinity;
  }
  return found;
}
