import type { Activations } from './attention-rig.js';

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/**
 * Softmax attention in double precision, straight from its definition: every token sees those up to itself, or only some of them.
 * @param first query that is wanted @param sees whether a query's head sees a key @returns [tokens − first, heads, head size]
 */
export function plainAttention(
  { tokens, q, k, v }: Activations,
  { heads, kvHeads, headSize }: Heads,
  first = 0,
  sees: (query: number, key: number, kvHead: number) => boolean = () => true,
): Float32Array {
  const out = new Float32Array((tokens - first) * heads * headSize);
  for (let query = first; query < tokens; query++) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const weights = attentionWeights({ tokens, q, k, v }, { heads, kvHeads, headSize }, query, head, sees);
      for (let i = 0; i < headSize; i++) {
        let sum = 0;
        weights.forEach((weight, key) => (sum += weight * (v[(key * kvHeads + kvHead) * headSize + i] ?? NaN)));
        out[((query - first) * heads + head) * headSize + i] = sum;
      }
    }
  }
  return out;
}

/** How much a query's head looks at each token up to it. */
export function attentionWeights(
  { q, k }: Activations,
  { heads, kvHeads, headSize }: Heads,
  query: number,
  head: number,
  sees: (query: number, key: number, kvHead: number) => boolean = () => true,
): number[] {
  const kvHead = Math.floor(head / (heads / kvHeads));
  const logits = Array.from({ length: query + 1 }, (_, key) => {
    if (!sees(query, key, kvHead)) return -Infinity;
    let dot = 0;
    for (let i = 0; i < headSize; i++) {
      dot += (q[(query * heads + head) * headSize + i] ?? NaN) * (k[(key * kvHeads + kvHead) * headSize + i] ?? NaN);
    }
    return dot / Math.sqrt(headSize);
  });
  const highest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - highest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}
