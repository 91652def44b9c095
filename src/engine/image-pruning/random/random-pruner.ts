import { rowsAt, type ImagePruner } from '../image-pruner.js';

/** The baseline that every method must beat: any tokens, in every tile the same places. */
export const randomPruner: ImagePruner = {
  tokens: (count, keep) => Math.min(count, keep),
  prune(tokens, left) {
    const indices = Array.from({ length: tokens.count }, (_, i) => i);
    // Fisher-Yates over the first places, by a linear congruential generator (Numerical Recipes' constants).
    let state = 1;
    for (let i = 0; i < left; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const other = i + Math.floor((state / 2 ** 32) * (indices.length - i));
      const [a = 0, b = 0] = [indices[i], indices[other]];
      indices[i] = b;
      indices[other] = a;
    }
    return rowsAt(tokens, indices.slice(0, left));
  },
};
