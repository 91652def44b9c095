/** A token's score is the greatest within this many tokens around it: what is kept comes in runs, not alone. */
const POOL = 7;

/** Mean attention of a prompt's last tokens. */
export interface AttentionScores {
  /** [columns, heads], head after head. */
  readonly values: Float32Array;
  readonly heads: number;
  /** Where each token of the prompt stands, by position. */
  readonly columns: readonly number[];
}

/**
 * Chooses what to keep of a prompt, for every key-value head apart: the tokens that its query heads look at most, and the window.
 * @param budget tokens besides the window @returns positions, ascending
 */
export function selectTokens({ values, heads, columns }: AttentionScores, kvHeads: number, window: number, budget: number): Int32Array[] {
  const width = values.length / heads;
  const group = heads / kvHeads;
  const candidates = columns.slice(0, columns.length - window);
  const ends = Array.from({ length: window }, (_, i) => candidates.length + i);
  return Array.from({ length: kvHeads }, (_, kvHead) => {
    const scores = candidates.map((column) => {
      let sum = 0;
      for (let head = kvHead * group; head < (kvHead + 1) * group; head++) sum += values[head * width + column] ?? 0;
      return sum;
    });
    const pooled = maxPool(scores);
    const best = pooled
      .map((score, position) => ({ score, position }))
      .sort((a, b) => b.score - a.score || a.position - b.position)
      .slice(0, budget)
      .map(({ position }) => position)
      .sort((a, b) => a - b);
    return Int32Array.from([...best, ...ends]);
  });
}

function maxPool(values: readonly number[]): number[] {
  const side = (POOL - 1) / 2;
  return values.map((_, i) => Math.max(...values.slice(Math.max(i - side, 0), i + side + 1)));
}
