import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { Linear } from '../../blocks/linear.js';
import { layerNorm, visionBlock, type LayerNorm } from '../../blocks/vision-block.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { Weights, WeightSpec } from '../../weights.js';
import type { VisionTower, VisionTowerShape } from '../vision-tower.js';

/** Nodes per block are about 32. */
const NODES_PER_BLOCK = 40;
const NODES_OUTSIDE_BLOCKS = 32;
/** Far beyond any real tower; they keep sizes computed from a hostile file harmless. */
const LIMITS = { imageSize: 4096, patchSize: 128, embedding: 16_384, feedForward: 131_072, layers: 256, heads: 256 } as const;

interface SiglipHyperparameters extends VisionTowerShape {
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly epsilon: number;
}

/**
 * SigLIP: a ViT with learned positions, no class token, GELU (tanh) and a final LayerNorm.
 * Tensor names and keys are llama.cpp's (tools/mtmd/clip-impl.h).
 */
export function createSiglipTower(file: GgufFile): VisionTower {
  const h = readHyperparameters(file);
  return {
    shape: h,
    weights: weightSpecs(h),
    maxNodes: NODES_PER_BLOCK * h.layers + NODES_OUTSIDE_BLOCKS,
    build: (graph, weights, patches) => build(h, graph, weights, patches),
  };
}

function readHyperparameters(file: GgufFile): SiglipHyperparameters {
  const { metadata } = file;
  const count = (key: string, limit: number): number => {
    const value = metadata.count(`clip.vision.${key}`);
    if (value < 1 || value > limit)
      throw new EdgeVlmError('GGUF_LIMIT', `${file.path}: clip.vision.${key} is ${value}, expected 1 to ${limit}`);
    return value;
  };
  const imageSize = count('image_size', LIMITS.imageSize);
  const patchSize = count('patch_size', LIMITS.patchSize);
  const embedding = count('embedding_length', LIMITS.embedding);
  const heads = count('attention.head_count', LIMITS.heads);
  if (imageSize % patchSize !== 0 || embedding % heads !== 0) {
    throw new EdgeVlmError(
      'MODEL_UNSUPPORTED',
      `${file.path}: ${imageSize} px in patches of ${patchSize} px, ${embedding} values in ${heads} heads`,
    );
  }
  const epsilon = metadata.number('clip.vision.attention.layer_norm_epsilon');
  const std = triple(file, 'clip.vision.image_std');
  // ggml ends the process on a negative or undefined epsilon.
  if (!(epsilon >= 0 && std.every((deviation) => deviation > 0))) {
    throw new EdgeVlmError('GGUF_INVALID', `${file.path}: an epsilon of ${epsilon}, a deviation of ${std.join(', ')}`);
  }
  if (!metadata.boolean('clip.use_gelu', false)) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: this tower does not use GELU`);
  }
  return {
    imageSize,
    patchSize,
    grid: imageSize / patchSize,
    embedding,
    patchValues: 3 * patchSize * patchSize,
    mean: triple(file, 'clip.vision.image_mean'),
    std,
    layers: count('block_count', LIMITS.layers),
    heads,
    feedForward: count('feed_forward_length', LIMITS.feedForward),
    epsilon,
  };
}

function triple(file: GgufFile, key: string): [number, number, number] {
  const [r, g, b, ...rest] = file.metadata.numbers(key);
  if (r !== undefined && g !== undefined && b !== undefined && rest.length === 0) return [r, g, b];
  throw new EdgeVlmError('GGUF_INVALID', `${file.path}: ${key} does not hold three numbers`);
}

function weightSpecs(h: SiglipHyperparameters): WeightSpec[] {
  const vector = (name: string): WeightSpec => ({ name, shape: [h.embedding], use: 'vector' });
  const specs: WeightSpec[] = [
    { name: 'v.patch_embd.weight', shape: [h.patchSize, h.patchSize, 3, h.embedding], use: 'matmul' },
    vector('v.patch_embd.bias'),
    { name: 'v.position_embd.weight', shape: [h.embedding, h.grid * h.grid], use: 'vector' },
    vector('v.post_ln.weight'),
    vector('v.post_ln.bias'),
  ];
  for (let block = 0; block < h.layers; block++) {
    const matrix = (name: string, input: number, output: number): WeightSpec[] => [
      { name: `v.blk.${block}.${name}.weight`, shape: [input, output], use: 'matmul' },
      { name: `v.blk.${block}.${name}.bias`, shape: [output], use: 'vector' },
    ];
    for (const norm of ['ln1', 'ln2']) specs.push(vector(`v.blk.${block}.${norm}.weight`), vector(`v.blk.${block}.${norm}.bias`));
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) specs.push(...matrix(name, h.embedding, h.embedding));
    specs.push(...matrix('ffn_up', h.embedding, h.feedForward), ...matrix('ffn_down', h.feedForward, h.embedding));
  }
  return specs;
}

function build(h: SiglipHyperparameters, graph: Graph, weights: Weights, patches: Tensor): Tensor {
  const linear = (name: string): Linear => ({ weight: weights.get(`${name}.weight`), bias: weights.get(`${name}.bias`) });
  const norm = (name: string): LayerNorm => ({
    weight: weights.get(`${name}.weight`),
    bias: weights.get(`${name}.bias`),
    epsilon: h.epsilon,
  });
  // A convolution whose stride is its kernel is one matrix product over whole patches.
  const kernel = graph.reshape(weights.get('v.patch_embd.weight'), [h.patchValues, h.embedding]);
  let x = graph.add(graph.mulMat(kernel, patches), weights.get('v.patch_embd.bias'));
  x = graph.add(x, weights.get('v.position_embd.weight'));
  for (let index = 0; index < h.layers; index++) {
    const name = `v.blk.${index}`;
    x = visionBlock(graph, x, {
      norm1: norm(`${name}.ln1`),
      query: linear(`${name}.attn_q`),
      key: linear(`${name}.attn_k`),
      value: linear(`${name}.attn_v`),
      output: linear(`${name}.attn_out`),
      norm2: norm(`${name}.ln2`),
      up: linear(`${name}.ffn_up`),
      down: linear(`${name}.ffn_down`),
      heads: h.heads,
    });
  }
  return layerNorm(graph, x, norm('v.post_ln'));
}
