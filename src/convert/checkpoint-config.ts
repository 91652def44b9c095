import { join } from 'node:path';
import { Type, type Static, type TSchema } from 'typebox';
import { EdgeVlmError } from '../core/errors.js';
import type { ClipProjector } from './clip-tower.js';
import { readJson } from './read-json.js';

/** Hugging Face writes both an absent key and a null for "the default". */
function optional<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/** Bounds far above any model, so that no count of a hostile file becomes a long loop or a large list. */
const Count = Type.Integer({ minimum: 1, maximum: 2 ** 24 });
const LayerCount = Type.Integer({ minimum: 1, maximum: 1024 });

const Rope = Type.Object({
  rope_theta: optional(Type.Number()),
  rope_type: optional(Type.String()),
  type: optional(Type.String()),
  factor: optional(Type.Number()),
  low_freq_factor: optional(Type.Number()),
  high_freq_factor: optional(Type.Number()),
  original_max_position_embeddings: optional(Type.Number()),
});

const Decoder = Type.Object({
  model_type: optional(Type.String()),
  hidden_act: optional(Type.String()),
  vocab_size: optional(Count),
  hidden_size: optional(Count),
  intermediate_size: optional(Count),
  num_hidden_layers: optional(LayerCount),
  num_attention_heads: optional(Count),
  num_key_value_heads: optional(Count),
  head_dim: optional(Count),
  max_position_embeddings: optional(Count),
  rms_norm_eps: optional(Type.Number()),
  rope_theta: optional(Type.Number()),
  rope_parameters: optional(Rope),
  rope_scaling: optional(Rope),
  tie_word_embeddings: optional(Type.Boolean()),
  num_local_experts: optional(Count),
});

const Tower = Type.Object({
  hidden_act: optional(Type.String()),
  hidden_size: optional(Count),
  intermediate_size: optional(Count),
  num_hidden_layers: optional(LayerCount),
  num_attention_heads: optional(Count),
  image_size: optional(Count),
  patch_size: optional(Count),
  layer_norm_eps: optional(Type.Number()),
  projection_dim: optional(Count),
});
export type VisionSettings = Static<typeof Tower>;
/** A CLIP folder's config.json: the vision part of a model of both parts, or a vision model's own. */
export const ClipConfig = Type.Intersect([Tower, Type.Object({ vision_config: optional(Tower) })]);

/** Of the LLaVA line: Hugging Face's names, then those of the original repositories. */
const Llava = Type.Object({
  vision_feature_layer: optional(Type.Union([Type.Integer(), Type.Array(Type.Integer())])),
  vision_feature_select_strategy: optional(Type.String()),
  projector_hidden_act: optional(Type.String()),
  mm_projector_type: optional(Type.String()),
  mm_vision_select_layer: optional(Type.Integer()),
  mm_vision_select_feature: optional(Type.String()),
  mm_vision_tower: optional(Type.String()),
});

const Config = Type.Intersect([
  Decoder,
  Llava,
  Type.Object({
    architectures: optional(Type.Array(Type.String())),
    text_config: optional(Decoder),
    vision_config: optional(Tower),
    scale_factor: optional(Count),
  }),
]);

type LlavaSettings = Static<typeof Llava>;

export type RopeConfig = Static<typeof Rope>;

/** The decoder's sizes, with the defaults of Transformers' `LlamaConfig` filled in. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly embedding: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly contextLength: number;
  readonly rmsEpsilon: number;
  readonly ropeTheta: number;
  readonly rope: RopeConfig;
  /** The embedding is also the output head, so the checkpoint may leave the head out. */
  readonly tied: boolean;
}

/** The SigLIP tower's and connector's sizes, with the defaults of Transformers' `Idefics3Config` filled in. */
export interface TowerConfig {
  readonly embedding: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  /** Side of a tile, in pixels. */
  readonly imageSize: number;
  /** Side of a patch, in pixels. */
  readonly patchSize: number;
  readonly layerNormEpsilon: number;
  /** Pixel shuffle makes one image token of scaleFactor² patches. */
  readonly scaleFactor: number;
  /** The decoder's embedding length. */
  readonly projection: number;
}

/** What config.json tells of a CLIP tower and the projector behind it; the tower's sizes may stand elsewhere. */
export interface ClipSettings {
  readonly projector: ClipProjector;
  /** Which block's output is read: counted from 1, or from the last one back with −1. */
  readonly featureLayer: number;
  readonly vision: VisionSettings | undefined;
  /** What the checkpoint calls its tower. */
  readonly towerName: string | undefined;
}

export interface CheckpointConfig {
  readonly decoder: DecoderConfig;
  /** Absent for a text-only model. */
  readonly vision:
    { readonly kind: 'idefics3'; readonly tower: TowerConfig } | { readonly kind: 'clip'; readonly clip: ClipSettings } | undefined;
}

type Family = 'text' | 'idefics3' | 'llava' | 'original-llava';

/** Where the two halves of each architecture are described. The originals of the LLaVA line keep the decoder's at the top. */
const ARCHITECTURES: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: 'text',
  Idefics3ForConditionalGeneration: 'idefics3',
  SmolVLMForConditionalGeneration: 'idefics3',
  LlavaForConditionalGeneration: 'llava',
  LlavaLlamaForCausalLM: 'original-llava',
  MobileLlamaForCausalLM: 'original-llava',
};

/** `mm_projector_type` of the original repositories, in llama.cpp's words. */
const PROJECTORS: Readonly<Record<string, ClipProjector>> = { mlp2x_gelu: 'mlp', ldpnet: 'ldp', ldpnetv2: 'ldpv2' };

/**
 * Reads config.json.
 * @throws EdgeVlmError MODEL_INCOMPLETE where the folder has none, CHECKPOINT_INVALID, CHECKPOINT_UNSUPPORTED.
 */
export async function readCheckpointConfig(folder: string): Promise<CheckpointConfig> {
  const path = join(folder, 'config.json');
  const config = await readJson(path, Config);
  if (config === undefined) throw new EdgeVlmError('MODEL_INCOMPLETE', `${path} does not exist`);
  const unsupported = (what: string): never => {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: ${what}`);
  };

  const [architecture = 'none'] = config.architectures ?? [];
  const family = Object.hasOwn(ARCHITECTURES, architecture)
    ? ARCHITECTURES[architecture]
    : unsupported(`the architecture is ${architecture}; ${Object.keys(ARCHITECTURES).join(', ')} can be converted`);
  const text = family === 'idefics3' || family === 'llava' ? (config.text_config ?? {}) : config;
  // The originals name themselves there.
  if (family !== 'original-llava' && (text.model_type ?? 'llama') !== 'llama')
    unsupported(`the decoder is of the type ${String(text.model_type)}, only llama can be converted`);
  if ((text.hidden_act ?? 'silu') !== 'silu')
    unsupported(`the decoder's activation is ${String(text.hidden_act)}, only silu can be converted`);
  if ((text.num_local_experts ?? 0) > 0) unsupported('mixtures of experts cannot be converted');

  const embedding = text.hidden_size ?? 4096;
  const heads = text.num_attention_heads ?? 32;
  const rope = { ...text.rope_scaling, ...text.rope_parameters };
  const decoder: DecoderConfig = {
    vocabSize: text.vocab_size ?? 32000,
    embedding,
    feedForward: text.intermediate_size ?? 11008,
    layers: text.num_hidden_layers ?? 32,
    heads,
    kvHeads: text.num_key_value_heads ?? heads,
    headDim: text.head_dim ?? Math.floor(embedding / heads),
    contextLength: text.max_position_embeddings ?? 2048,
    rmsEpsilon: text.rms_norm_eps ?? 1e-6,
    ropeTheta: rope.rope_theta ?? text.rope_theta ?? 10000,
    rope,
    // As Transformers: the whole model's own setting decides, a multimodal model's text half has no say.
    tied: config.tie_word_embeddings ?? false,
  };
  if (decoder.headDim % 2 !== 0) unsupported(`heads of ${decoder.headDim} cannot be rotated in pairs`);
  if (family !== 'idefics3') return { decoder, vision: family === 'text' ? undefined : { kind: 'clip', clip: clipSettings(path, config) } };

  const vision = config.vision_config ?? {};
  if ((vision.hidden_act ?? 'gelu_pytorch_tanh') !== 'gelu_pytorch_tanh')
    unsupported(`the tower's activation is ${String(vision.hidden_act)}`);
  const tower: TowerConfig = {
    embedding: vision.hidden_size ?? 1152,
    feedForward: vision.intermediate_size ?? 3072,
    layers: vision.num_hidden_layers ?? 12,
    heads: vision.num_attention_heads ?? 16,
    imageSize: vision.image_size ?? 224,
    patchSize: vision.patch_size ?? 32,
    layerNormEpsilon: vision.layer_norm_eps ?? 1e-6,
    scaleFactor: config.scale_factor ?? 2,
    projection: embedding,
  };
  return { decoder, vision: { kind: 'idefics3', tower } };
}

/** What Transformers' `LlavaConfig` and the original repositories' builders have as defaults. */
function clipSettings(path: string, config: LlavaSettings & { readonly vision_config?: VisionSettings | null }): ClipSettings {
  const unsupported = (what: string): never => {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: ${what}`);
  };
  const type = config.mm_projector_type ?? 'mlp2x_gelu';
  const projector = Object.hasOwn(PROJECTORS, type)
    ? PROJECTORS[type]
    : unsupported(`the projector is ${type}; ${Object.keys(PROJECTORS).join(', ')} can be converted`);
  if ((config.projector_hidden_act ?? 'gelu') !== 'gelu')
    unsupported(`the projector's activation is ${String(config.projector_hidden_act)}`);
  const strategy = config.vision_feature_select_strategy ?? 'default';
  if (strategy !== 'default' || (config.mm_vision_select_feature ?? 'patch') !== 'patch') {
    unsupported('the class token is among the features, which no runtime of these files reads');
  }
  const featureLayer = config.vision_feature_layer ?? config.mm_vision_select_layer ?? -2;
  if (typeof featureLayer !== 'number' || featureLayer === 0)
    return unsupported(`the features are those of the layers ${String(featureLayer)}`);
  if (projector === undefined) throw new EdgeVlmError('INTERNAL', `there is no projector ${type}`);
  return { projector, featureLayer, vision: config.vision_config ?? undefined, towerName: config.mm_vision_tower ?? undefined };
}
