import { checkWholeNumber } from '../check-whole-number.js';
import { drawScene, type SceneSettings } from './draw-scene.js';
import type { Raster } from './raster.js';
import type { SceneTruth } from './truth.js';
import { POSITIONS, type Split, type Style } from './vocabulary.js';

/** How a scene is drawn. The same options give the same bytes on every machine. */
export interface SceneOptions {
  /** Pictures of different splits, seeds or indices come from different random streams. */
  readonly split: Split;
  /** An integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Which picture of the seed, from 0. */
  readonly index: number;
  /** Width and height in pixels, 32 to 2048; default 128. */
  readonly side?: number;
  /** The most objects in a picture, 1 to 9; default 1, in rich scenes 4. Each number from 1 up is equally likely. */
  readonly maxObjects?: number;
  /** Default `plain`. */
  readonly style?: Style;
}

export interface Scene extends Raster {
  readonly truth: SceneTruth;
}

/**
 * Checks options and fills in the defaults.
 * @throws EdgeVlmError USAGE when an option is out of its range.
 */
export function sceneSettings({ seed, index, side = 128, style = 'plain', ...rest }: Omit<SceneOptions, 'split'>): SceneSettings {
  const { maxObjects = style === 'plain' ? 1 : 4 } = rest;
  checkWholeNumber('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkWholeNumber('index', index, 0, Number.MAX_SAFE_INTEGER);
  checkWholeNumber('side', side, 32, 2048);
  checkWholeNumber('maxObjects', maxObjects, 1, POSITIONS.length);
  return { side, maxObjects, style };
}

/**
 * Draws one picture of coloured shapes and says what is true of it.
 * @throws EdgeVlmError USAGE when an option is out of its range.
 */
export function generateScene(options: SceneOptions): Scene {
  const { split, seed, index } = options;
  const settings = sceneSettings(options);
  const stream = settings.style === 'plain' ? 'scenes' : 'rich-scenes';
  const { side, pixels, truth } = drawScene(`${stream}:${split}:${seed}:${index}`, settings);
  return { side, pixels, truth: { file: '', split, seed, index, ...truth } };
}
