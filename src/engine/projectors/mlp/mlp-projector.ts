import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { VisionTowerShape } from '../../towers/vision-tower.js';
import { linearSpecs } from '../linear-specs.js';
import type { Projector } from '../projector.js';
import { twoLayerPerceptron } from '../two-layer-perceptron.js';
import { vectorLength } from '../vector-length.js';

const NODES = 8;

/** LLaVA-1.5: every patch becomes one token. Source: HF `LlavaMultiModalProjector`. */
export function createMlpProjector(file: GgufFile, tower: VisionTowerShape): Projector {
  if (file.metadata.has('clip.vision.image_grid_pinpoints')) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: LLaVA-1.6, which cuts pictures into tiles, is not supported; LLaVA-1.5 is`);
  }
  const hidden = vectorLength(file, 'mm.0.bias');
  const embedding = vectorLength(file, 'mm.2.bias');
  return {
    weights: [...linearSpecs('mm.0', tower.embedding, hidden), ...linearSpecs('mm.2', hidden, embedding)],
    maxNodes: NODES,
    tokensPerTile: tower.grid * tower.grid,
    embedding,
    build: (graph, weights, x) => twoLayerPerceptron(graph, weights, x, 'mm.0', 'mm.2'),
  };
}
