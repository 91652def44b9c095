import { EdgeVlmError } from '../../core/errors.js';
import type { Sampler } from './sampler.js';
import type { TokenConstraint } from './token-constraint.js';

/**
 * Samples freely first, which nearly always obeys, and among the allowed tokens only where it did not: looking at one token costs
 * a few microseconds, at a vocabulary milliseconds (llama.cpp, `common_sampler_sample`). Where no other option cuts the
 * distribution, the chances are those of sampling among the allowed tokens at once.
 */
export class ConstrainedSampler implements Sampler {
  constructor(
    private readonly sampler: Sampler,
    private readonly constraint: TokenConstraint,
  ) {}

  /** @throws GRAMMAR_STUCK when no token is allowed */
  sample(logits: Float32Array): number {
    const token = this.sampler.sample(logits);
    if (this.constraint.allows(token)) return token;
    if (!this.constraint.mask(logits)) {
      throw new EdgeVlmError('GRAMMAR_STUCK', 'no token of the vocabulary goes on with what the grammar wants next');
    }
    return this.sampler.sample(logits);
  }

  accept(token: number): void {
    this.sampler.accept(token);
    this.constraint.accept(token);
  }

  [Symbol.dispose](): void {
    this.sampler[Symbol.dispose]();
  }
}
