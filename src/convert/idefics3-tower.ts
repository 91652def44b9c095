import { join } from 'node:path';
import { Type } from 'typebox';
import { EdgeVlmError } from '../core/errors.js';
import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { TowerConfig } from './checkpoint-config.js';
import type { ModelHalf, TensorPlan } from './model-half.js';
import { readJson } from './read-json.js';

const Channels = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const ImageProcessor = Type.Object({
  image_mean: Type.Optional(Channels),
  image_std: Type.Optional(Channels),
  size: Type.Optional(Type.Object({ longest_edge: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 20 })) })),
});
const Processor = Type.Intersect([ImageProcessor, Type.Object({ image_processor: Type.Optional(ImageProcessor) })]);

/**
 * Names, shapes and keys of the vision half of Idefics3 and SmolVLM: a SigLIP tower, pixel shuffle and one matrix.
 * Source: `SmolVLMModel` in llama.cpp's conversion/smolvlm.py, `MmprojModel` in conversion/base.py, tools/mtmd/clip-impl.h.
 * @throws EdgeVlmError MODEL_INCOMPLETE where no file tells how pictures are normalised; CHECKPOINT_INVALID.
 */
export async function idefics3Tower(folder: string, config: TowerConfig): Promise<ModelHalf> {
  return {
    canonicalName: (name) => (/^model\.(vision_model|connector)\./.test(name) && !name.endsWith('.position_ids') ? name : undefined),
    tensors: new Map(tensors(config)),
    extraTensors: [],
    metadata: metadata(config, await readProcessor(folder)),
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

interface ProcessorValues {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Length the longer side of a picture is resized to before it is cut into tiles, in pixels. */
  readonly longestEdge: number | undefined;
}

/** processor_config.json wins over preprocessor_config.json, its image_processor part over its own top. */
async function readProcessor(folder: string): Promise<ProcessorValues> {
  const preprocessor = await readJson(join(folder, 'preprocessor_config.json'), ImageProcessor);
  const processor = await readJson(join(folder, 'processor_config.json'), Processor);
  const merged = { ...preprocessor, ...processor, ...processor?.image_processor };
  const { image_mean: mean, image_std: std, size } = merged;
  if (mean === undefined || std === undefined) {
    throw new EdgeVlmError('MODEL_INCOMPLETE', `${folder} has no preprocessor_config.json with image_mean and image_std`);
  }
  return { mean, std, longestEdge: size?.longest_edge };
}

function metadata(config: TowerConfig, processor: ProcessorValues): [string, GgufValue][] {
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
