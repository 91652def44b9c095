export interface LogitComparison {
  /** Kullback-Leibler divergence of the second distribution from the first, nats. */
  readonly kl: number;
  /** Whether both think the same token the likeliest. */
  readonly agrees: boolean;
}

/**
 * Compares what two models make of the next token.
 * @param reference logits, [vocabulary] @param other the same; where one vocabulary is padded, what both have is compared
 */
export function compareLogits(reference: Float32Array, other: Float32Array): LogitComparison {
  const shared = Math.min(reference.length, other.length);
  if (reference.length !== other.length) return compareLogits(reference.subarray(0, shared), other.subarray(0, shared));
  const [p, q] = [logSumExp(reference), logSumExp(other)];
  let kl = 0;
  for (let i = 0; i < reference.length; i++) {
    const logP = (reference[i] ?? -Infinity) - p;
    const share = Math.exp(logP);
    if (share > 0) kl += share * (logP - ((other[i] ?? -Infinity) - q));
  }
  // Rounding can make it less than nothing.
  return { kl: Math.max(0, kl), agrees: likeliest(reference) === likeliest(other) };
}

function likeliest(logits: Float32Array): number {
  return logits.reduce((best, logit, token) => (logit > (logits[best] ?? -Infinity) ? token : best), 0);
}

function logSumExp(logits: Float32Array): number {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return highest + Math.log(sum);
}
