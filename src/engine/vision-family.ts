import { EdgeVlmError } from '../core/errors.js';
import type { ImagePreprocessing } from '../core/image.js';
import type { GgufFile } from '../formats/gguf/read-gguf.js';
import { createLdpProjector } from './projectors/ldp/ldp-projector.js';
import { createLdpv2Projector } from './projectors/ldpv2/ldpv2-projector.js';
import { createMlpProjector } from './projectors/mlp/mlp-projector.js';
import { createPixelShuffleProjector } from './projectors/pixel-shuffle/pixel-shuffle-projector.js';
import type { Projector } from './projectors/projector.js';
import { createClipTower } from './towers/clip/clip-tower.js';
import { createSiglipTower } from './towers/siglip/siglip-tower.js';
import type { VisionTower, VisionTowerShape } from './towers/vision-tower.js';

/** Values of `clip.projector_type` that the engine runs; each names a tower, a projector and how pictures are prepared. */
export const VISION_FAMILIES = ['idefics3', 'mlp', 'ldp', 'ldpv2'] as const;
export type VisionFamilyName = (typeof VISION_FAMILIES)[number];

export interface VisionFamily {
  readonly name: VisionFamilyName;
  readonly tower: VisionTower;
  readonly projector: Projector;
  readonly preprocessing: ImagePreprocessing;
}

interface FamilyRow {
  readonly tower: (file: GgufFile) => VisionTower;
  readonly projector: (file: GgufFile, tower: VisionTowerShape) => Projector;
  readonly preprocessing: (file: GgufFile, tower: VisionTowerShape) => ImagePreprocessing;
}

const FAMILIES: Record<VisionFamilyName, FamilyRow> = {
  idefics3: { tower: createSiglipTower, projector: createPixelShuffleProjector, preprocessing: idefics3Preprocessing },
  mlp: { tower: createClipTower, projector: createMlpProjector, preprocessing: llavaPreprocessing },
  ldp: { tower: createClipTower, projector: createLdpProjector, preprocessing: llavaPreprocessing },
  ldpv2: { tower: createClipTower, projector: createLdpv2Projector, preprocessing: llavaPreprocessing },
};

/** Reads what an mmproj file holds. @throws MMPROJ_MISMATCH, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, GGUF_INVALID, GGUF_LIMIT */
export function readVisionFamily(file: GgufFile): VisionFamily {
  const architecture = file.metadata.string('general.architecture');
  if (architecture !== 'clip' || !file.metadata.boolean('clip.has_vision_encoder', false)) {
    throw new EdgeVlmError('MMPROJ_MISMATCH', `${file.path} is a "${architecture}" model, not the vision half of one`);
  }
  const type = file.metadata.string('clip.vision.projector_type', file.metadata.string('clip.projector_type', ''));
  const name = VISION_FAMILIES.find((known) => known === type);
  if (name === undefined) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path} has the projector "${type}"; the engine knows ${VISION_FAMILIES.join(', ')}`);
  }
  const row = FAMILIES[name];
  const tower = row.tower(file);
  return { name, tower, projector: row.projector(file, tower.shape), preprocessing: row.preprocessing(file, tower.shape) };
}

/** llama.cpp's converter stores the longest edge as `preproc_image_size`; files without it come from models that do not split. */
function idefics3Preprocessing(file: GgufFile, { imageSize, mean, std }: VisionTowerShape): ImagePreprocessing {
  const longestEdge = file.metadata.count('clip.vision.preproc_image_size', imageSize);
  return { kind: 'idefics3', tileSize: imageSize, longestEdge, splitting: longestEdge > imageSize, mean, std };
}

/** LLaVA-1.5 and MobileVLM were trained with `image_aspect_ratio: pad`; files do not say, and llama.cpp pads, too. */
function llavaPreprocessing(_: GgufFile, { imageSize, mean, std }: VisionTowerShape): ImagePreprocessing {
  return { kind: 'llava', tileSize: imageSize, mean, std };
}
