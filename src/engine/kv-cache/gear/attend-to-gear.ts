import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { CellStore } from '../cells/cell-store.js';
import type { KvCacheGeometry } from '../kv-cache.js';
import type { ScoredAttention, TokenRange } from '../selective-kv-cache.js';
import type { ChunkStore } from './chunk-store.js';
import type { GearKvInputs } from './gear-plan.js';
import { weightedSum } from './weighted-sum.js';

/** What is attended to. */
export interface GearStores {
  /** The newest tokens, as they are. */
  readonly cells: CellStore;
  /** The older ones, compressed. */
  readonly chunks: ChunkStore;
  readonly geometry: KvCacheGeometry;
}

/**
 * Attention to the tokens of both stores: a query's scores for both kinds go through one softmax.
 * @param q as in `KvCache.attend` @param queries whose mean attention is wanted, too
 */
export function attendToGear(
  graph: Graph,
  { cells, chunks: chunkStore, geometry }: GearStores,
  inputs: GearKvInputs,
  layer: number,
  q: Tensor,
  scale: number,
  queries: readonly TokenRange[],
): ScoredAttention {
  const { mask, start, window, chunks, chunkInputs } = inputs;
  const { headSize, kvHeads } = geometry;
  const [, heads, tokens] = q.shape;
  const [columns] = mask.shape;
  const stored = cells.layer(layer);
  // All queries of a kv head side by side: nothing of the cache is read once per query head.
  const rows = (tokens * heads) / kvHeads;
  const asked = graph.reshape(graph.contiguous(graph.swapRowsAndPlanes(q)), [headSize, rows, kvHeads]);

  const ofCells = graph.mulMat(cells.window(graph, stored.keys, start, window), asked);
  const all = chunkInputs === null ? ofCells : graph.beside(chunkStore.scores(graph, layer, chunks, asked, chunkInputs), ofCells);
  const attention = graph.softMax(graph.reshape(all, [columns, tokens, heads]), mask, scale);

  const older = columns - window;
  const [, row] = attention.strides;
  const share = (from: number, count: number): Tensor => graph.view(attention, [count, rows, kvHeads], row, row * rows, from * 4);
  let sum = weightedSum(graph, cells.window(graph, stored.values, start, window), share(older, window));
  if (chunkInputs !== null) {
    sum = graph.add(sum, chunkStore.weigh(graph, layer, chunks, graph.contiguous(share(0, older)), chunkInputs));
  }
  const attended = graph.contiguous(graph.swapRowsAndPlanes(graph.reshape(sum, [headSize, tokens, heads])));
  const scores = queries.map(({ from, count }) => {
    const seen = graph.view(attention, [columns, count, heads], row, row * tokens, from * row);
    return graph.reshape(graph.mean(graph.contiguous(graph.transpose(seen))), [columns, heads]);
  });
  return { attended: graph.reshape(attended, [headSize * heads, tokens]), scores };
}
