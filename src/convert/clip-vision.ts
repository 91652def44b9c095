import { basename, join, resolve } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import type { CheckpointTensor } from '../formats/checkpoint/checkpoint-tensor.js';
import { openCheckpoint } from '../formats/checkpoint/open-checkpoint.js';
import { ClipConfig, type ClipSettings, type DecoderConfig, type VisionSettings } from './checkpoint-config.js';
import { CLIP_PROCESSOR, clipTensorName, clipTower, isClipTensor, type ClipTowerConfig } from './clip-tower.js';
import { readImageProcessor } from './image-processor-config.js';
import type { ModelHalf } from './model-half.js';
import { readJson } from './read-json.js';

export interface ClipVision {
  readonly half: ModelHalf;
  /** Tensors of the tower and of the projector, which may lie in two folders. */
  readonly checkpoint: ReadonlyMap<string, CheckpointTensor>;
}

export interface ClipVisionOptions {
  readonly dir: string;
  readonly clip: ClipSettings;
  readonly decoder: DecoderConfig;
  readonly checkpoint: ReadonlyMap<string, CheckpointTensor>;
  /** A CLIP folder, for checkpoints that only name their tower. */
  readonly visionTower: string | undefined;
}

/**
 * The vision half of LLaVA-1.5 or MobileVLM: the projector from the checkpoint, the tower from there or from a CLIP folder.
 * @throws EdgeVlmError MODEL_INCOMPLETE where the tower is nowhere; as `openCheckpoint`
 */
export async function clipVision({ dir, clip, decoder, checkpoint, visionTower }: ClipVisionOptions): Promise<ClipVision> {
  const tensors = new Map([...checkpoint].filter(([name]) => isClipTensor(name)));
  if (visionTower !== undefined) {
    // A fine-tuned tower inside the checkpoint wins over the one it began as.
    const inside = new Set([...tensors.keys()].map(clipTensorName));
    for (const [name, tensor] of await openCheckpoint(visionTower)) {
      const canonical = clipTensorName(name);
      if (canonical !== undefined && !inside.has(canonical)) tensors.set(name, tensor);
    }
  }
  if (![...tensors.keys()].some((name) => clipTensorName(name) !== undefined)) {
    throw new EdgeVlmError(
      'MODEL_INCOMPLETE',
      `${dir} holds no vision tower${clip.towerName === undefined ? '' : `; it names ${clip.towerName}`}`,
      {
        hint: 'Download that CLIP model and pass its folder with --vision-tower.',
      },
    );
  }
  const folder = visionTower ?? dir;
  const own = visionTower === undefined ? undefined : await readJson(join(visionTower, 'config.json'), ClipConfig);
  // A CLIP of both parts tells its projection at the top.
  const part = own?.vision_config == null ? own : { projection_dim: own.projection_dim ?? null, ...own.vision_config };
  const settings = clip.vision ?? part;
  const processor = (await readImageProcessor(folder)) ?? (await readImageProcessor(dir)) ?? CLIP_PROCESSOR;
  const config = towerConfig(clip, decoder, settings, tensors);
  return { half: clipTower(config, processor, basename(resolve(folder))), checkpoint: tensors };
}

function towerConfig(
  { projector, featureLayer }: ClipSettings,
  decoder: DecoderConfig,
  settings: VisionSettings | undefined,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): ClipTowerConfig {
  const sizes = settings === undefined ? inferred(tensors) : described(settings);
  const { activation, layers, ...tower } = sizes;
  if (activation !== 'quick_gelu')
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `the tower's activation is ${activation}, only quick_gelu can be converted`);
  const stored = featureLayer < 0 ? layers + 1 + featureLayer : featureLayer;
  if (stored < 1 || stored > layers) {
    throw new EdgeVlmError('CHECKPOINT_INVALID', `the features are those of layer ${featureLayer} of ${layers}`);
  }
  const squeeze = [...tensors.values()].find(({ name }) => name.endsWith('.mb_block.1.block.1.fc1.bias'));
  const [squeezed = decoder.embedding / 4] = squeeze?.shape ?? [];
  return { ...tower, layers: stored, projector, decoderEmbedding: decoder.embedding, squeezed };
}

type TowerSizes = Omit<ClipTowerConfig, 'projector' | 'decoderEmbedding' | 'squeezed'> & { readonly activation: string };

/** With the defaults of Transformers' `CLIPVisionConfig`. */
function described(settings: VisionSettings): TowerSizes {
  return {
    activation: settings.hidden_act ?? 'quick_gelu',
    embedding: settings.hidden_size ?? 768,
    feedForward: settings.intermediate_size ?? 3072,
    layers: settings.num_hidden_layers ?? 12,
    heads: settings.num_attention_heads ?? 12,
    imageSize: settings.image_size ?? 224,
    patchSize: settings.patch_size ?? 32,
    layerNormEpsilon: settings.layer_norm_eps ?? 1e-5,
    projectionDim: settings.projection_dim ?? 512,
  };
}

/** Every published CLIP has heads of this size. */
const HEAD_SIZE = 64;

/** For checkpoints of the original repositories that hold a tower and do not describe it. */
function inferred(tensors: ReadonlyMap<string, CheckpointTensor>): TowerSizes {
  const tower = new Map([...tensors.values()].map((tensor) => [clipTensorName(tensor.name), tensor.shape]));
  const sizes = (name: string): readonly number[] => {
    const shape = tower.get(name);
    if (shape === undefined) throw new EdgeVlmError('MODEL_INCOMPLETE', `the checkpoint lacks the tensor ${name} of its vision tower`);
    return shape;
  };
  const [embedding = 0, , patchSize = 0] = sizes('embeddings.patch_embedding.weight');
  const [positions = 0] = sizes('embeddings.position_embedding.weight');
  const [feedForward = 0] = sizes('encoder.layers.0.mlp.fc1.bias');
  const layers = [...tower.keys()].filter((name) => name !== undefined && /^encoder\.layers\.\d+\.mlp\.fc1\.bias$/.test(name)).length;
  const heads = embedding / HEAD_SIZE;
  if (!Number.isInteger(heads)) {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `the tower is ${embedding} wide and nothing tells its number of heads`, {
      hint: 'Pass the folder of the CLIP model it began as, with its config.json, with --vision-tower.',
    });
  }
  const imageSize = Math.round(Math.sqrt(Math.max(positions - 1, 0))) * patchSize;
  // Their `projection_dim` is three quarters of the width; it is stored, and read by nobody.
  const projectionDim = (embedding * 3) / 4;
  return { activation: 'quick_gelu', embedding, feedForward, layers, heads, imageSize, patchSize, layerNormEpsilon: 1e-5, projectionDim };
}
