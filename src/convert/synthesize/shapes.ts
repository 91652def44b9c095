import type { DecoderConfig, TowerConfig } from '../checkpoint-config.js';
import type { ClipProjector, ClipTowerConfig } from '../clip-tower.js';

type VisionShape = { readonly kind: 'clip'; readonly tower: ClipTowerConfig } | { readonly kind: 'idefics3'; readonly tower: TowerConfig };

/** A published model's sizes; either half may be absent. */
export interface ModelShape {
  readonly decoder?: DecoderConfig;
  readonly vision?: VisionShape;
}

/** Sizes come from the models' config.json files, those of the drafts from JackFram's; `tiny` is for tests. */
export const SHAPE_NAMES = [
  'tinyllama-1.1b',
  'mobilellama-1.4b',
  'mobilellama-2.7b',
  'llama-7b',
  'llama-68m',
  'llama-160m',
  'smolvlm-256m',
  'smolvlm-500m',
  'smolvlm-2.2b',
  'mobilevlm-1.7b',
  'mobilevlm-v2-1.7b',
  'llava-1.5-7b',
  'vit-l-14-336',
  'tiny',
] as const;
export type ShapeName = (typeof SHAPE_NAMES)[number];

type Sizes = Pick<DecoderConfig, 'embedding' | 'layers' | 'heads' | 'kvHeads' | 'feedForward'> &
  Partial<Pick<DecoderConfig, 'vocabSize' | 'contextLength' | 'rmsEpsilon' | 'ropeTheta'>>;

function llama(sizes: Sizes): DecoderConfig {
  return {
    vocabSize: 32000,
    contextLength: 2048,
    rmsEpsilon: 1e-5,
    ropeTheta: 10000,
    rope: {},
    // A planted chain needs a head of its own.
    tied: false,
    headDim: sizes.embedding / sizes.heads,
    ...sizes,
  };
}

const MOBILELLAMA_1_4B = llama({ embedding: 2048, layers: 24, heads: 16, kvHeads: 16, feedForward: 5632, rmsEpsilon: 1e-6 });
const LLAMA_7B = llama({ embedding: 4096, layers: 32, heads: 32, kvHeads: 32, feedForward: 11008, contextLength: 4096 });

/** CLIP ViT-L/14 at 336 pixels, without the last of its 24 blocks, which no model of this line reads. */
function vitLarge(projector: ClipProjector, decoderEmbedding: number): VisionShape {
  const tower: ClipTowerConfig = {
    embedding: 1024,
    feedForward: 4096,
    layers: 23,
    heads: 16,
    imageSize: 336,
    patchSize: 14,
    layerNormEpsilon: 1e-5,
    projectionDim: 768,
    projector,
    decoderEmbedding,
    squeezed: decoderEmbedding / 4,
  };
  return { kind: 'clip', tower };
}

function siglip(sizes: Omit<TowerConfig, 'layerNormEpsilon'>): VisionShape {
  return { kind: 'idefics3', tower: { layerNormEpsilon: 1e-6, ...sizes } };
}

const SIGLIP_BASE = { embedding: 768, feedForward: 3072, layers: 12, heads: 12, imageSize: 512, patchSize: 16, scaleFactor: 4 } as const;
const SIGLIP_SO400M = { embedding: 1152, feedForward: 4304, layers: 27, heads: 16, imageSize: 384, patchSize: 14, scaleFactor: 3 } as const;

const SMOLLM2 = { vocabSize: 49280, contextLength: 8192, ropeTheta: 100000 } as const;

export const SHAPES: Record<ShapeName, ModelShape> = {
  'tinyllama-1.1b': { decoder: llama({ embedding: 2048, layers: 22, heads: 32, kvHeads: 4, feedForward: 5632 }) },
  'mobilellama-1.4b': { decoder: MOBILELLAMA_1_4B },
  'mobilellama-2.7b': { decoder: llama({ embedding: 2560, layers: 32, heads: 32, kvHeads: 32, feedForward: 6912, rmsEpsilon: 1e-6 }) },
  'llama-7b': { decoder: LLAMA_7B },
  'llama-68m': { decoder: llama({ embedding: 768, layers: 2, heads: 12, kvHeads: 12, feedForward: 3072, rmsEpsilon: 1e-6 }) },
  'llama-160m': { decoder: llama({ embedding: 768, layers: 12, heads: 12, kvHeads: 12, feedForward: 3072, rmsEpsilon: 1e-6 }) },
  'smolvlm-256m': {
    decoder: llama({ embedding: 576, layers: 30, heads: 9, kvHeads: 3, feedForward: 1536, ...SMOLLM2 }),
    vision: siglip({ ...SIGLIP_BASE, projection: 576 }),
  },
  'smolvlm-500m': {
    decoder: llama({ embedding: 960, layers: 32, heads: 15, kvHeads: 5, feedForward: 2560, ...SMOLLM2 }),
    vision: siglip({ ...SIGLIP_BASE, projection: 960 }),
  },
  'smolvlm-2.2b': {
    decoder: llama({ embedding: 2048, layers: 24, heads: 32, kvHeads: 32, feedForward: 8192, ...SMOLLM2, contextLength: 16384 }),
    vision: siglip({ ...SIGLIP_SO400M, projection: 2048 }),
  },
  'mobilevlm-1.7b': { decoder: MOBILELLAMA_1_4B, vision: vitLarge('ldp', 2048) },
  'mobilevlm-v2-1.7b': { decoder: MOBILELLAMA_1_4B, vision: vitLarge('ldpv2', 2048) },
  'llava-1.5-7b': { decoder: LLAMA_7B, vision: vitLarge('mlp', 4096) },
  'vit-l-14-336': { vision: vitLarge('mlp', 4096) },
  tiny: {
    decoder: llama({ embedding: 256, layers: 2, heads: 4, kvHeads: 2, feedForward: 512, vocabSize: 2048 }),
    vision: siglip({ embedding: 64, feedForward: 128, layers: 2, heads: 2, imageSize: 64, patchSize: 16, scaleFactor: 2, projection: 256 }),
  },
};
