/** A matrix as a product of two narrow ones: entry (i, j) is the sum over k of left[i · rank + k] · right[j · rank + k]. */
export interface LowRank {
  readonly left: Float32Array;
  readonly right: Float32Array;
}

/** As GEAR does it. */
const ITERATIONS = 3;

/**
 * The best product of the given rank, nearly, by power iteration (GEAR, arXiv 2403.05527). The same matrix gives the same result.
 * @param matrix [rows, columns], row after row
 */
export function lowRank(matrix: Float32Array, columns: number, rank: number): LowRank {
  const rows = matrix.length / columns;
  const left = new Float32Array(rows * rank);
  const right = Float32Array.from({ length: columns * rank }, (_, i) => startValue(i));
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    left.fill(0);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const entry = matrix[i * columns + j] ?? 0;
        for (let k = 0; k < rank; k++) left[i * rank + k] = (left[i * rank + k] ?? 0) + entry * (right[j * rank + k] ?? 0);
      }
    }
    orthonormalise(left, rank);
    right.fill(0);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const entry = matrix[i * columns + j] ?? 0;
        for (let k = 0; k < rank; k++) right[j * rank + k] = (right[j * rank + k] ?? 0) + entry * (left[i * rank + k] ?? 0);
      }
    }
  }
  return { left, right };
}

/** Gram-Schmidt over the columns of [rows, rank], in place. A column that depends on those before it becomes 0. */
function orthonormalise(matrix: Float32Array, rank: number): void {
  const rows = matrix.length / rank;
  const dot = (a: number, b: number): number => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += (matrix[i * rank + a] ?? 0) * (matrix[i * rank + b] ?? 0);
    return sum;
  };
  for (let k = 0; k < rank; k++) {
    const before = Math.sqrt(dot(k, k));
    for (let other = 0; other < k; other++) {
      const along = dot(k, other);
      for (let i = 0; i < rows; i++) matrix[i * rank + k] = (matrix[i * rank + k] ?? 0) - along * (matrix[i * rank + other] ?? 0);
    }
    const length = Math.sqrt(dot(k, k));
    // What is left of a dependent column is rounding.
    const factor = length > before * 1e-5 ? 1 / length : 0;
    for (let i = 0; i < rows; i++) matrix[i * rank + k] = (matrix[i * rank + k] ?? 0) * factor;
  }
}

/** Anything that no real matrix is orthogonal to: the digits of the golden ratio's multiples, about 0. */
function startValue(i: number): number {
  return (((i + 1) * 0.6180339887498949) % 1) - 0.5;
}
