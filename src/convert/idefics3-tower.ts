import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { TowerConfig } from './checkpoint-config.js';
import type { ImageProcessorConfig } from './image-processor-config.js';
import type { ModelHalf, TensorPlan } from './model-half.js';

/**
 * Names, shapes and keys of the vision half of Idefics3 and SmolVLM: a SigLIP tower, pixel shuffle and one matrix.
 * Source: `SmolVLMModel` in llama.cpp's conversion/smolvlm.py, `MmprojModel` in conversion/base.py, tools/mtmd/clip-impl.h.
 */
export function idefics3Tower(config: TowerConfig, processor: ImageProcessorConfig): ModelHalf {
  return {
    canonicalName: (name) => (/^model\.(vision_model|connector)\./.test(name) && !name.endsWith('.position_ids') ? name : undefined),
    tensors: new Map(tensors(config)),
    extraTensors: [],
    metadata: metadata(config, processor),
  };
}

function* tensors({
  embedding,
  feedForward,
  layers,
  imageSize,
  patchSize,
  scaleFactor,
  projection,
}: TowerConfig): Generator<[string, TensorPlan]> {
  const tower = 'model.vision_model';
  const patches = Math.floor(imageSize / patchSize) ** 2;
  const patch = [embedding, 3, patchSize, patchSize];
  // Kept exact as llama.cpp does: they are small, and an error here is in every patch.
  yield [`${tower}.embeddings.patch_embedding.weight`, { name: 'v.patch_embd.weight', shape: patch, full: true }];
  yield [`${tower}.embeddings.patch_embedding.bias`, { name: 'v.patch_embd.bias', shape: [embedding] }];
  yield [`${tower}.embeddings.position_embedding.weight`, { name: 'v.position_embd.weight', shape: [patches, embedding], full: true }];
  for (let layer = 0; layer < layers; layer++) {
    const modules: [string, string, number[]][] = [
      ['layer_norm1', 'ln1', [embedding]],
      ['layer_norm2', 'ln2', [embedding]],
      ['self_attn.q_proj', 'attn_q', [embedding, embedding]],
      ['self_attn.k_proj', 'attn_k', [embedding, embedding]],
      ['self_attn.v_proj', 'attn_v', [embedding, embedding]],
      ['self_attn.out_proj', 'attn_out', [embedding, embedding]],
      ['mlp.fc1', 'ffn_up', [feedForward, embedding]],
      ['mlp.fc2', 'ffn_down', [embedding, feedForward]],
    ];
    for (const [module, name, shape] of modules) {
      yield [`${tower}.encoder.layers.${layer}.${module}.weight`, { name: `v.blk.${layer}.${name}.weight`, shape }];
      yield [`${tower}.encoder.layers.${layer}.${module}.bias`, { name: `v.blk.${layer}.${name}.bias`, shape: shape.slice(0, 1) }];
    }
  }
  yield [`${tower}.post_layernorm.weight`, { name: 'v.post_ln.weight', shape: [embedding] }];
  yield [`${tower}.post_layernorm.bias`, { name: 'v.post_ln.bias', shape: [embedding] }];
  const shuffled = embedding * scaleFactor ** 2;
  yield ['model.connector.modality_projection.proj.weight', { name: 'mm.model.fc.weight', shape: [projection, shuffled] }];
}

function metadata(config: TowerConfig, processor: ImageProcessorConfig): [string, GgufValue][] {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  return [
    // Filled in by the conversion; named here to keep llama.cpp's order.
    ['general.file_type', u32(0)],
    ['clip.has_vision_encoder', { type: 'bool', value: true }],
    ['clip.vision.projection_dim', u32(config.projection)],
    ['clip.vision.image_size', u32(config.imageSize)],
    ['clip.vision.patch_size', u32(config.patchSize)],
    ['clip.vision.embedding_length', u32(config.embedding)],
    ['clip.vision.feed_forward_length', u32(config.feedForward)],
    ['clip.vision.block_count', u32(config.layers)],
    ['clip.vision.attention.head_count', u32(config.heads)],
    ['clip.vision.image_mean', { type: 'array', of: 'f32', value: Float32Array.from(processor.mean) }],
    ['clip.vision.image_std', { type: 'array', of: 'f32', value: Float32Array.from(processor.std) }],
    ['clip.projector_type', { type: 'string', value: 'idefics3' }],
    ['clip.vision.attention.layer_norm_epsilon', { type: 'f32', value: config.layerNormEpsilon }],
    ['clip.vision.projector.scale_factor', u32(config.scaleFactor)],
    ['clip.use_gelu', { type: 'bool', value: true }],
    ['clip.vision.preproc_image_size', u32(processor.longestEdge ?? config.imageSize)],
  ];
}
