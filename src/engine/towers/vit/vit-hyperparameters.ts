import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { VisionTowerShape } from '../vision-tower.js';

/** Far beyond any real tower; they keep sizes computed from a hostile file harmless. */
const LIMITS = { imageSize: 4096, patchSize: 128, embedding: 16_384, feedForward: 131_072, layers: 256, heads: 256 } as const;

/** Sizes of a vision transformer. */
export interface VitHyperparameters extends VisionTowerShape {
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly epsilon: number;
}

/** Reads them from llama.cpp's keys (tools/mtmd/clip-impl.h). @throws GGUF_LIMIT, GGUF_INVALID, MODEL_UNSUPPORTED, MODEL_INCOMPLETE */
export function readVitHyperparameters(file: GgufFile): VitHyperparameters {
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
  if (imageSize < patchSize || embedding % heads !== 0) {
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
  return {
    imageSize,
    patchSize,
    // SigLIP at 384 pixels has 27 patches of 14 in a row: the convolution leaves the last 6 pixels out.
    grid: Math.floor(imageSize / patchSize),
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
