import type { Sampler } from './sampler.js';

/** Takes the likeliest token; of equals the first. */
export class GreedySampler implements Sampler {
  sample(logits: Float32Array): number {
    return argmax(logits);
  }

  probabilities(logits: Float32Array): Float32Array {
    const certain = new Float32Array(logits.length);
    certain[argmax(logits)] = 1;
    return certain;
  }

  accept(): void {
    // Nothing depends on the past.
  }

  [Symbol.dispose](): void {
    // Nothing native is held.
  }
}

/** Index of the largest value; of equals the first. */
export function argmax(values: Float32Array): number {
  let best = 0;
  let bestValue = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? -Infinity;
    if (value > bestValue) {
      best = i;
      bestValue = value;
    }
  }
  return best;
}
