import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import { linear } from '../../blocks/linear.js';
import { layerNorm } from '../../blocks/vision-block.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { VisionTowerShape } from '../../towers/vision-tower.js';
import type { Weights, WeightSpec } from '../../weights.js';
import { linearSpecs, linearWeights } from '../linear-specs.js';
import type { Projector } from '../projector.js';
import { twoLayerPerceptron } from '../two-layer-perceptron.js';
import { vectorLength } from '../vector-length.js';

const NODES = 96;
/** timm's `LayerNormAct2d`. */
const EPSILON = 1e-5;

/**
 * MobileVLM's lightweight downsample projector: a perceptron, then two of MobileNet-V3's blocks, the second at half the
 * resolution. Source: Meituan-AutoML/MobileVLM, `vision_projector.py`, `LDPBlock`; torchvision's `InvertedResidual`.
 */
export function createLdpProjector(file: GgufFile, { embedding: input, grid }: VisionTowerShape): Projector {
  const embedding = vectorLength(file, 'mm.model.mlp.3.bias');
  const side = Math.ceil(grid / 2);
  return {
    weights: [
      ...linearSpecs('mm.model.mlp.1', input, embedding),
      ...linearSpecs('mm.model.mlp.3', embedding, embedding),
      ...blockSpecs(file, 'mm.model.mb_block.1.block', embedding),
      ...blockSpecs(file, 'mm.model.mb_block.2.block', embedding),
    ],
    maxNodes: NODES,
    tokensPerTile: side * side,
    embedding,
    build: (graph, weights, x) => {
      const features = graph.reshape(twoLayerPerceptron(graph, weights, x, 'mm.model.mlp.1', 'mm.model.mlp.3'), [embedding, grid, grid]);
      const first = graph.add(features, invertedResidual(graph, weights, features, 'mm.model.mb_block.1.block', 1));
      const second = invertedResidual(graph, weights, first, 'mm.model.mb_block.2.block', 2);
      return graph.reshape(second, [embedding, side * side]);
    },
  };
}

function blockSpecs(file: GgufFile, name: string, channels: number): WeightSpec[] {
  const squeezed = vectorLength(file, `${name}.1.fc1.bias`);
  const vector = (part: string): WeightSpec => ({ name: `${name}.${part}`, shape: [channels], use: 'vector' });
  return [
    { name: `${name}.0.0.weight`, shape: [3, 3, channels], use: 'rows' },
    ...['0.1.weight', '0.1.bias', '2.1.weight', '2.1.bias'].map(vector),
    ...linearSpecs(`${name}.1.fc1`, channels, squeezed),
    ...linearSpecs(`${name}.1.fc2`, squeezed, channels),
    { name: `${name}.2.0.weight`, shape: [channels, channels], use: 'matmul' },
  ];
}

/** Depthwise convolution, hard-swish, squeeze-and-excitation and a linear projection; `x` is [channels, width, height]. */
function invertedResidual(graph: Graph, weights: Weights, x: Tensor, name: string, stride: 1 | 2): Tensor {
  const norm = (value: Tensor, part: string): Tensor =>
    layerNorm(graph, value, { weight: weights.get(`${name}.${part}.weight`), bias: weights.get(`${name}.${part}.bias`), epsilon: EPSILON });
  const kernel = graph.cast(weights.get(`${name}.0.0.weight`), 'f32');
  const filtered = graph.activate(norm(graph.depthwiseConvolution(kernel, x, stride), '0.1'), 'hardswish');
  const [channels, width, height] = filtered.shape;
  const pixels = graph.reshape(filtered, [channels, width * height]);
  const means = graph.reshape(graph.mean(graph.contiguous(graph.transpose(pixels))), [channels, 1]);
  const squeezed = graph.activate(linear(graph, means, linearWeights(weights, `${name}.1.fc1`)), 'relu');
  const gates = graph.activate(linear(graph, squeezed, linearWeights(weights, `${name}.1.fc2`)), 'hardsigmoid');
  const projected = graph.mulMat(weights.get(`${name}.2.0.weight`), graph.mul(pixels, gates));
  return graph.reshape(norm(projected, '2.1'), [channels, width, height]);
}
