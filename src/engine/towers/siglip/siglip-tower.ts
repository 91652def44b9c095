import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import { layerNorm } from '../../blocks/vision-block.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { Weights, WeightSpec } from '../../weights.js';
import type { VisionTower } from '../vision-tower.js';
import { vitBlocks, vitBlockSpecs, vitNodes, vitNorm, type VitBlockStyle } from '../vit/vit-blocks.js';
import { readVitHyperparameters, type VitHyperparameters } from '../vit/vit-hyperparameters.js';

const STYLE: VitBlockStyle = { activation: 'gelu', feedForward: ['ffn_up', 'ffn_down'] };

/**
 * SigLIP: a ViT with learned positions, no class token, GELU (tanh) and a final LayerNorm.
 * Tensor names and keys are llama.cpp's (tools/mtmd/clip-impl.h).
 */
export function createSiglipTower(file: GgufFile): VisionTower {
  const h = readVitHyperparameters(file);
  if (!file.metadata.boolean('clip.use_gelu', false)) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: this tower does not use GELU`);
  }
  return {
    shape: h,
    weights: weightSpecs(h),
    maxNodes: vitNodes(h),
    build: (graph, weights, patches) => build(h, graph, weights, patches),
  };
}

function weightSpecs(h: VitHyperparameters): WeightSpec[] {
  const vector = (name: string): WeightSpec => ({ name, shape: [h.embedding], use: 'vector' });
  return [
    { name: 'v.patch_embd.weight', shape: [h.patchSize, h.patchSize, 3, h.embedding], use: 'matmul' },
    vector('v.patch_embd.bias'),
    { name: 'v.position_embd.weight', shape: [h.embedding, h.grid * h.grid], use: 'vector' },
    vector('v.post_ln.weight'),
    vector('v.post_ln.bias'),
    ...vitBlockSpecs(h, STYLE),
  ];
}

function build(h: VitHyperparameters, graph: Graph, weights: Weights, patches: Tensor): Tensor {
  // A convolution whose stride is its kernel is one matrix product over whole patches.
  const kernel = graph.reshape(weights.get('v.patch_embd.weight'), [h.patchValues, h.embedding]);
  const embedded = graph.add(graph.mulMat(kernel, patches), weights.get('v.patch_embd.bias'));
  const placed = graph.add(embedded, weights.get('v.position_embd.weight'));
  return layerNorm(graph, vitBlocks(graph, weights, placed, h, STYLE), vitNorm(weights, 'v.post_ln', h));
}
