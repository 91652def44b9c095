/**
 * Tokens that each layer keeps of a prompt besides its window: many in the first layers, few in the last, whose attention is narrow
 * (KVCache-Factory, `pyramidkv/pyramidkv_utils.py`).
 * @param tokens of the prompt @param capacity tokens kept on average, window included @param beta the last layer's part of the mean
 * @returns null where the whole prompt is kept
 */
export function layerBudgets(tokens: number, capacity: number, window: number, layers: number, beta: number): number[] | null {
  if (tokens <= capacity) return null;
  const mean = capacity - window;
  const rest = tokens - window;
  if (layers === 1 || tokens < 2 * mean) return new Array<number>(layers).fill(mean);
  const least = Math.floor(mean / beta);
  const most = Math.min(2 * mean - least, rest);
  const low = most === rest ? 2 * mean - most : least;
  const step = Math.floor((most - low) / (layers - 1));
  return Array.from({ length: layers }, (_, layer) => most - layer * step);
}
