/** Image tokens of one tile. */
export interface ImageTokens {
  /** [count, embedding], row of the picture after row. */
  readonly values: Float32Array;
  readonly count: number;
}

/** Makes a tile's image tokens fewer before the decoder sees them. One folder per method. */
export interface ImagePruner {
  /** How many of `count` tokens are left where `keep` are asked for; at most `keep`. @throws USAGE where it cannot prune so many */
  tokens(count: number, keep: number): number;
  /** @returns [left, embedding], in the order of the picture; the same tokens give the same result */
  prune(tokens: ImageTokens, left: number): Float32Array;
}

/** The rows with these indices, ascending. */
export function rowsAt({ values, count }: ImageTokens, indices: readonly number[]): Float32Array {
  const embedding = values.length / count;
  const kept = new Float32Array(indices.length * embedding);
  [...indices]
    .sort((a, b) => a - b)
    .forEach((index, row) => {
      kept.set(values.subarray(index * embedding, (index + 1) * embedding), row * embedding);
    });
  return kept;
}
