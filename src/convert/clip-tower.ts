import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { ImageProcessorConfig } from './image-processor-config.js';
import type { ModelHalf, TensorPlan } from './model-half.js';

/** Values of `clip.projector_type` that follow a CLIP tower: LLaVA-1.5, MobileVLM, MobileVLM V2. */
export type ClipProjector = 'mlp' | 'ldp' | 'ldpv2';

/** The CLIP tower's sizes, with the defaults of Transformers' `CLIPVisionConfig` filled in. */
export interface ClipTowerConfig {
  readonly embedding: number;
  readonly feedForward: number;
  /** Blocks up to the one whose output is read; what follows is not stored. */
  readonly layers: number;
  readonly heads: number;
  /** Side of a picture, in pixels. */
  readonly imageSize: number;
  /** Side of a patch, in pixels. */
  readonly patchSize: number;
  readonly layerNormEpsilon: number;
  /** CLIP's own projection, which is stored as a number only. */
  readonly projectionDim: number;
  readonly projector: ClipProjector;
  /** The decoder's embedding length. */
  readonly decoderEmbedding: number;
  /** Width inside LDP's squeeze and excitation. */
  readonly squeezed: number;
}

/** OpenAI's, for checkpoints that do not say. */
export const CLIP_PROCESSOR: ImageProcessorConfig = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  longestEdge: undefined,
};

/**
 * Names, shapes and keys of the vision half of LLaVA-1.5 and MobileVLM: a CLIP tower and a projector, as llama.cpp's
 * tools/mtmd/legacy-models (llava_surgery.py, convert_image_encoder_to_gguf.py) write them; it is the only converter for them.
 * That includes its exchange of `ffn_up` and `ffn_down`, which every reader knows.
 */
export function clipTower(config: ClipTowerConfig, processor: ImageProcessorConfig, name: string): ModelHalf {
  return {
    canonicalName: (tensor) => canonicalName(tensor, config.layers),
    tensors: new Map([...PROJECTORS[config.projector](config), ...towerTensors(config)]),
    ordered: true,
    extraTensors: [],
    metadata: metadata(config, processor, name),
  };
}

/**
 * Where the tower lies: in LLaVA's and MobileVLM's own layout, in Hugging Face's of several generations, or in a CLIP folder (whose
 * names have lost their prefix in Transformers 5).
 */
const TOWER =
  /^(?:model\.)?(?:vision_tower\.){0,2}(?:vision_model\.)?((?:embeddings\.(?:class|patch|position)_|encoder\.|pre_layrnorm\.|post_layernorm\.).+)$/;
const PROJECTOR = /^(?:model\.)?mm_projector\.(.+)$/;
const HF_PROJECTOR = /^(?:model\.)?multi_modal_projector\.linear_([12])\.(weight|bias)$/;
const UNUSED = /\.position_ids$|^post_layernorm\./;

/** A tower's tensor as CLIP itself calls it, or undefined for any other. */
export function clipTensorName(name: string): string | undefined {
  return TOWER.exec(name)?.[1];
}

/** Whether a checkpoint's tensor is of the vision half. */
export function isClipTensor(name: string): boolean {
  return TOWER.test(name) || PROJECTOR.test(name) || HF_PROJECTOR.test(name) || name.endsWith('vision_model.embeddings.position_ids');
}

function canonicalName(name: string, layers: number): string | undefined {
  const inTower = clipTensorName(name);
  if (inTower !== undefined) {
    const layer = /^encoder\.layers\.(\d+)\./.exec(inTower)?.[1];
    return UNUSED.test(inTower) || (layer !== undefined && Number(layer) >= layers) ? undefined : `tower.${inTower}`;
  }
  const inProjector = PROJECTOR.exec(name)?.[1];
  if (inProjector !== undefined) return `projector.${inProjector}`;
  const [, index, kind] = HF_PROJECTOR.exec(name) ?? [];
  return kind === undefined ? undefined : `projector.${index === '1' ? 0 : 2}.${kind}`;
}

function* towerTensors({ embedding, feedForward, layers, imageSize, patchSize }: ClipTowerConfig): Generator<[string, TensorPlan]> {
  const positions = Math.floor(imageSize / patchSize) ** 2 + 1;
  yield ['tower.embeddings.class_embedding', { name: 'v.class_embd', shape: [embedding] }];
  yield ['tower.embeddings.patch_embedding.weight', { name: 'v.patch_embd.weight', shape: [embedding, 3, patchSize, patchSize] }];
  yield ['tower.embeddings.position_embedding.weight', { name: 'v.position_embd.weight', shape: [positions, embedding] }];
  yield* withBias('tower.pre_layrnorm', 'v.pre_ln', [embedding]);
  for (let layer = 0; layer < layers; layer++) {
    const from = `tower.encoder.layers.${layer}`;
    const to = `v.blk.${layer}`;
    for (const part of ['k', 'v', 'q']) yield* withBias(`${from}.self_attn.${part}_proj`, `${to}.attn_${part}`, [embedding, embedding]);
    yield* withBias(`${from}.self_attn.out_proj`, `${to}.attn_out`, [embedding, embedding]);
    yield* withBias(`${from}.layer_norm1`, `${to}.ln1`, [embedding]);
    yield* withBias(`${from}.mlp.fc1`, `${to}.ffn_down`, [feedForward, embedding]);
    yield* withBias(`${from}.mlp.fc2`, `${to}.ffn_up`, [embedding, feedForward]);
    yield* withBias(`${from}.layer_norm2`, `${to}.ln2`, [embedding]);
  }
}

type ProjectorTensors = (config: ClipTowerConfig) => Generator<[string, TensorPlan]>;

const PROJECTORS: Record<ClipProjector, ProjectorTensors> = {
  *mlp({ embedding, decoderEmbedding: width }) {
    yield* withBias('projector.0', 'mm.0', [width, embedding]);
    yield* withBias('projector.2', 'mm.2', [width, width]);
  },
  *ldp({ embedding, decoderEmbedding: width, squeezed }) {
    yield* withBias('projector.model.mlp.1', 'mm.model.mlp.1', [width, embedding]);
    yield* withBias('projector.model.mlp.3', 'mm.model.mlp.3', [width, width]);
    for (const block of [1, 2]) {
      const [from, to] = [`projector.model.mb_block.${block}.block`, `mm.model.mb_block.${block}.block`];
      yield [`${from}.0.0.weight`, { name: `${to}.0.0.weight`, shape: [width, 1, 3, 3], squeezed: true }];
      yield* withBias(`${from}.0.1`, `${to}.0.1`, [width]);
      yield* withBias(`${from}.1.fc1`, `${to}.1.fc1`, [squeezed, width, 1, 1], true);
      yield* withBias(`${from}.1.fc2`, `${to}.1.fc2`, [width, squeezed, 1, 1], true);
      yield [`${from}.2.0.weight`, { name: `${to}.2.0.weight`, shape: [width, width, 1, 1], squeezed: true }];
      yield* withBias(`${from}.2.1`, `${to}.2.1`, [width]);
    }
  },
  *ldpv2({ embedding, decoderEmbedding: width }) {
    yield* withBias('projector.mlp.mlp.0', 'mm.model.mlp.0', [width, embedding]);
    yield* withBias('projector.mlp.mlp.2', 'mm.model.mlp.2', [width, width]);
    yield ['projector.peg.peg.0.weight', { name: 'mm.model.peg.0.weight', shape: [width, 1, 3, 3], squeezed: true }];
    yield ['projector.peg.peg.0.bias', { name: 'mm.model.peg.0.bias', shape: [width] }];
  },
};

function* withBias(from: string, to: string, shape: readonly number[], squeezed = false): Generator<[string, TensorPlan]> {
  yield [`${from}.weight`, { name: `${to}.weight`, shape, squeezed }];
  yield [`${from}.bias`, { name: `${to}.bias`, shape: shape.slice(0, 1) }];
}

function metadata(config: ClipTowerConfig, processor: ImageProcessorConfig, name: string): [string, GgufValue][] {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const bool = (value: boolean): GgufValue => ({ type: 'bool', value });
  const string = (value: string): GgufValue => ({ type: 'string', value });
  return [
    ['general.architecture', string('clip')],
    ['clip.has_text_encoder', bool(false)],
    ['clip.has_vision_encoder', bool(true)],
    ['clip.has_llava_projector', bool(true)],
    // Filled in by the conversion; named here to keep llama.cpp's order.
    ['general.file_type', u32(0)],
    ['general.name', string(name)],
    ['general.description', string('image encoder for LLaVA')],
    ['clip.projector_type', string(config.projector)],
    ['clip.vision.image_size', u32(config.imageSize)],
    ['clip.vision.patch_size', u32(config.patchSize)],
    ['clip.vision.embedding_length', u32(config.embedding)],
    ['clip.vision.feed_forward_length', u32(config.feedForward)],
    ['clip.vision.projection_dim', u32(config.projectionDim)],
    ['clip.vision.attention.head_count', u32(config.heads)],
    ['clip.vision.attention.layer_norm_epsilon', { type: 'f32', value: config.layerNormEpsilon }],
    ['clip.vision.block_count', u32(config.layers)],
    ['clip.vision.image_mean', { type: 'array', of: 'f32', value: Float32Array.from(processor.mean) }],
    ['clip.vision.image_std', { type: 'array', of: 'f32', value: Float32Array.from(processor.std) }],
    // Means the exact GELU; without it CLIP's own quick GELU is used.
    ['clip.use_gelu', bool(false)],
  ];
}
