import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import { layerNorm } from '../../blocks/vision-block.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { Weights, WeightSpec } from '../../weights.js';
import type { VisionTower } from '../vision-tower.js';
import { vitBlocks, vitBlockSpecs, vitNodes, vitNorm, type VitBlockStyle } from '../vit/vit-blocks.js';
import { readVitHyperparameters, type VitHyperparameters } from '../vit/vit-hyperparameters.js';

/**
 * OpenAI's CLIP as LLaVA and MobileVLM read it: the class token goes first and is dropped at the end, and the features are those of
 * the last stored block, without the final LayerNorm. Converters leave the blocks out that are not read, so a file of ViT-L/14 holds
 * 23 of 24 and all of them run. (llama.cpp 0.5 puts the class token last and leaves one more block out.)
 * Source: HF `CLIPVisionModel`, `hidden_states[-2]`; names and keys are those of llama.cpp's converter.
 */
export function createClipTower(file: GgufFile): VisionTower {
  const stored = readVitHyperparameters(file);
  const h = { ...stored, layers: featureLayer(file, stored.layers) };
  const style: VitBlockStyle = {
    // The only other activation of a CLIP model is the exact GELU, which the key stands for here.
    activation: file.metadata.boolean('clip.use_gelu', false) ? 'gelu_erf' : 'gelu_quick',
    feedForward: feedForwardNames(file, h),
  };
  return {
    shape: h,
    weights: weightSpecs(h, style),
    maxNodes: vitNodes(h),
    build: (graph, weights, patches) => build(h, style, graph, weights, patches),
  };
}

/** Which block's output is wanted, counted from 1. Some files name it; it is then the last one stored. */
function featureLayer(file: GgufFile, stored: number): number {
  const layers = file.metadata.numbers('clip.vision.feature_layer', Float64Array.of(stored));
  const [layer] = layers;
  if (layers.length === 1 && layer !== undefined && Number.isInteger(layer) && layer >= 1 && layer <= stored) return layer;
  throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path} reads the blocks ${layers.join(', ')} of ${stored}; the engine reads one`);
}

/** llama.cpp's script for LLaVA names the feed-forward's two matrices the other way round; later ones do not. */
function feedForwardNames(file: GgufFile, { embedding }: VitHyperparameters): VitBlockStyle['feedForward'] {
  const down = file.tensors.find(({ name }) => name === 'v.blk.0.ffn_down.weight');
  return down?.shape[0] === embedding ? ['ffn_down', 'ffn_up'] : ['ffn_up', 'ffn_down'];
}

function weightSpecs(h: VitHyperparameters, style: VitBlockStyle): WeightSpec[] {
  const vector = (name: string): WeightSpec => ({ name, shape: [h.embedding], use: 'vector' });
  return [
    vector('v.class_embd'),
    { name: 'v.patch_embd.weight', shape: [h.patchSize, h.patchSize, 3, h.embedding], use: 'matmul' },
    // Old files store it in f16, like every matrix.
    { name: 'v.position_embd.weight', shape: [h.embedding, h.grid * h.grid + 1], use: 'rows' },
    vector('v.pre_ln.weight'),
    vector('v.pre_ln.bias'),
    ...vitBlockSpecs(h, style),
  ];
}

function build(h: VitHyperparameters, style: VitBlockStyle, graph: Graph, weights: Weights, patches: Tensor): Tensor {
  const count = h.grid * h.grid;
  // A convolution whose stride is its kernel is one matrix product over whole patches.
  const kernel = graph.reshape(weights.get('v.patch_embd.weight'), [h.patchValues, h.embedding]);
  const tokens = graph.append(graph.reshape(weights.get('v.class_embd'), [h.embedding, 1]), graph.mulMat(kernel, patches));
  const placed = graph.add(tokens, graph.cast(weights.get('v.position_embd.weight'), 'f32'));
  const encoded = vitBlocks(graph, weights, layerNorm(graph, placed, vitNorm(weights, 'v.pre_ln', h)), h, style);
  const [, row, plane] = encoded.strides;
  return graph.view(encoded, [h.embedding, count, 1], row, plane, row);
}
