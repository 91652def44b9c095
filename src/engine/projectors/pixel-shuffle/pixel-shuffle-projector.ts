import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { VisionTowerShape } from '../../towers/vision-tower.js';
import type { Projector } from '../projector.js';

const MAX_SCALE = 16;
const MAX_EMBEDDING = 65_536;
const NODES = 16;

/**
 * Idefics3 / SmolVLM: folds squares of scale × scale patches into one wide patch, then one matrix.
 * Source: HF `Idefics3Connector.pixel_shuffle`; llama.cpp `build_patch_merge_permute`.
 */
export function createPixelShuffleProjector(file: GgufFile, tower: VisionTowerShape): Projector {
  const scale = file.metadata.count('clip.vision.projector.scale_factor');
  const embedding = file.metadata.count('clip.vision.projection_dim');
  if (scale < 1 || scale > MAX_SCALE || tower.grid % scale !== 0) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: a grid of ${tower.grid} patches cannot be folded by ${scale}`);
  }
  if (embedding < 1 || embedding > MAX_EMBEDDING) {
    throw new EdgeVlmError('GGUF_LIMIT', `${file.path}: clip.vision.projection_dim is ${embedding}, expected 1 to ${MAX_EMBEDDING}`);
  }
  const side = tower.grid / scale;
  const folded = tower.embedding * scale * scale;
  return {
    weights: [{ name: 'mm.model.fc.weight', shape: [folded, embedding], use: 'matmul' }],
    maxNodes: NODES,
    tokensPerTile: side * side,
    embedding,
    build: (graph, weights, x) => {
      // Fold columns, then bring rows next to each other and fold them.
      const columns = graph.reshape(x, [tower.embedding * scale, side, tower.grid]);
      const rows = graph.reshape(graph.contiguous(graph.swapRowsAndPlanes(columns)), [folded, side, side]);
      const shuffled = graph.reshape(graph.contiguous(graph.swapRowsAndPlanes(rows)), [folded, side * side]);
      return graph.mulMat(weights.get('mm.model.fc.weight'), shuffled);
    },
  };
}
