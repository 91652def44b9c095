/**
 * The orthonormal Walsh-Hadamard matrix by Sylvester's construction, row after row: symmetric, and its own inverse.
 * @param size a power of two
 */
export function hadamardMatrix(size: number): Float32Array {
  const entry = 1 / Math.sqrt(size);
  return Float32Array.from({ length: size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    return setBits(row & column) % 2 === 0 ? entry : -entry;
  });
}

/** The largest power of two that divides a head: heads of other sizes are rotated in pieces. */
export function rotationSize(headSize: number): number {
  return headSize & -headSize;
}

/** Bytes of the matrix for such heads. */
export function rotationBytes(headSize: number): number {
  return 4 * rotationSize(headSize) ** 2;
}

function setBits(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest >>>= 1) count += rest & 1;
  return count;
}
