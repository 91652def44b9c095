import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { VisionTowerShape } from '../../towers/vision-tower.js';
import { linearSpecs } from '../linear-specs.js';
import type { Projector } from '../projector.js';
import { twoLayerPerceptron } from '../two-layer-perceptron.js';
import { vectorLength } from '../vector-length.js';

/** Side of the grid of tokens, whatever the grid of patches (`TokenDownLayer((12, 12))`). */
const SIDE = 12;
const NODES_OUTSIDE_POOLING = 32;
/** Per patch that is pooled: a view and a sum. */
const NODES_PER_POOLED = 2;

/**
 * MobileVLM V2's lightweight downsample projector: a perceptron, average pooling to 12 × 12, and positions by a depthwise
 * convolution (PEG) that is added to what it reads. Source: Meituan-AutoML/MobileVLM, `vision_projector.py`, `LDPNetV2Projector`.
 */
export function createLdpv2Projector(file: GgufFile, { embedding: input, grid }: VisionTowerShape): Projector {
  const pooled = grid / SIDE;
  if (!Number.isInteger(pooled)) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: ${grid} × ${grid} patches cannot be pooled to ${SIDE} × ${SIDE}`);
  }
  const embedding = vectorLength(file, 'mm.model.mlp.2.bias');
  return {
    weights: [
      ...linearSpecs('mm.model.mlp.0', input, embedding),
      ...linearSpecs('mm.model.mlp.2', embedding, embedding),
      { name: 'mm.model.peg.0.weight', shape: [3, 3, embedding], use: 'rows' },
      { name: 'mm.model.peg.0.bias', shape: [embedding], use: 'vector' },
    ],
    maxNodes: NODES_OUTSIDE_POOLING + NODES_PER_POOLED * pooled * pooled,
    tokensPerTile: SIDE * SIDE,
    embedding,
    build: (graph, weights, x) => {
      const features = twoLayerPerceptron(graph, weights, x, 'mm.model.mlp.0', 'mm.model.mlp.2');
      const tokens = averagePool(graph, graph.reshape(features, [embedding, grid, grid]), pooled);
      const kernel = graph.cast(weights.get('mm.model.peg.0.weight'), 'f32');
      const positions = graph.add(graph.depthwiseConvolution(kernel, tokens, 1), weights.get('mm.model.peg.0.bias'));
      return graph.reshape(graph.add(positions, tokens), [embedding, SIDE * SIDE]);
    },
  };
}

/** Means of squares of size × size. `x` is [channels, width, height], both multiples of `size`. */
function averagePool(graph: Graph, x: Tensor, size: number): Tensor {
  const [channels, width, height] = x.shape;
  const [, column, row] = x.strides;
  const everyNth = (dx: number, dy: number): Tensor =>
    graph.view(x, [channels, width / size, height / size], size * column, size * row, dx * column + dy * row);
  let sum = everyNth(0, 0);
  for (let at = 1; at < size * size; at++) sum = graph.add(sum, everyNth(at % size, Math.floor(at / size)));
  return graph.scale(sum, 1 / (size * size));
}
