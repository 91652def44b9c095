import { EdgeVlmError } from '../../../core/errors.js';
import type { ImagePruner } from '../image-pruner.js';

/** Means of neighbours: the tokens lie in a square, and so do those that are left. A baseline that often wins. */
export const poolingPruner: ImagePruner = {
  tokens(count, keep) {
    side(count);
    return Math.floor(Math.sqrt(Math.min(count, keep))) ** 2;
  },
  prune({ values, count }, left) {
    const [from, to] = [side(count), side(left)];
    const embedding = values.length / count;
    const pooled = new Float32Array(left * embedding);
    // Cell i covers rows ⌊i · from / to⌋ to ⌈(i + 1) · from / to⌉ − 1, as PyTorch's adaptive average pooling has it.
    const [start, end] = [(i: number) => Math.floor((i * from) / to), (i: number) => Math.ceil(((i + 1) * from) / to)];
    for (let row = 0; row < to; row++) {
      for (let column = 0; column < to; column++) {
        const cells = (end(row) - start(row)) * (end(column) - start(column));
        const into = pooled.subarray((row * to + column) * embedding, (row * to + column + 1) * embedding);
        for (let y = start(row); y < end(row); y++) {
          for (let x = start(column); x < end(column); x++) {
            for (let i = 0; i < embedding; i++) into[i] = (into[i] ?? 0) + (values[(y * from + x) * embedding + i] ?? 0) / cells;
          }
        }
      }
    }
    return pooled;
  },
};

function side(count: number): number {
  const root = Math.round(Math.sqrt(count));
  if (root * root !== count) throw new EdgeVlmError('USAGE', `${count} image tokens are no square, so they cannot be pooled`);
  return root;
}
