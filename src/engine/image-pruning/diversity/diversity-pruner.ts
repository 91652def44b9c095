import { rowsAt, type ImagePruner, type ImageTokens } from '../image-pruner.js';

/**
 * DivPrune (arXiv 2503.02175): keeps tokens that are far from each other. First the one that is farthest from its nearest other, then
 * always the one that is farthest from all that were taken, by 1 − cosine.
 */
export const diversityPruner: ImagePruner = {
  tokens: (count, keep) => Math.min(count, keep),
  prune(tokens, left) {
    const distance = distances(tokens);
    const { count } = tokens;
    const nearest = Array.from({ length: count }, (_, i) => {
      const others = Array.from({ length: count }, (_unused, j) => (i === j ? Infinity : (distance[i * count + j] ?? 0)));
      return Math.min(...others);
    });
    const taken: number[] = [];
    let reach = nearest;
    while (taken.length < left) {
      const next = farthest(reach, taken);
      taken.push(next);
      const before = taken.length === 1 ? new Array<number>(count).fill(Infinity) : reach;
      reach = before.map((value, i) => Math.min(value, distance[i * count + next] ?? 0));
    }
    return rowsAt(tokens, taken);
  },
};

/** The first of the greatest, of those that are not taken. */
function farthest(reach: readonly number[], taken: readonly number[]): number {
  let best = -1;
  for (let i = 0; i < reach.length; i++) {
    if (!taken.includes(i) && (best < 0 || (reach[i] ?? 0) > (reach[best] ?? 0))) best = i;
  }
  return best;
}

/** 1 − cosine of every pair, [count, count]. */
function distances({ values, count }: ImageTokens): Float32Array {
  const embedding = values.length / count;
  const all = new Float32Array(count * count);
  const dot = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k < embedding; k++) sum += (values[i * embedding + k] ?? 0) * (values[j * embedding + k] ?? 0);
    return sum;
  };
  const lengths = Array.from({ length: count }, (_, i) => Math.sqrt(dot(i, i)));
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      const product = (lengths[i] ?? 0) * (lengths[j] ?? 0);
      const distance = 1 - (product === 0 ? 0 : dot(i, j) / product);
      all[i * count + j] = distance;
      all[j * count + i] = distance;
    }
  }
  return all;
}
