import { canonicalCaption, captionVariants } from './captions.js';
import { drawPlainScene } from './draw-plain-scene.js';
import { sceneQuestions } from './questions.js';
import { Random } from './random.js';
import type { Raster } from './raster.js';
import { richCaption, richCaptionVariants } from './rich/describe.js';
import { drawRichScene } from './rich/draw-rich-scene.js';
import { richQuestions } from './rich/questions.js';
import type { SceneTruth } from './truth.js';
import type { Style } from './vocabulary.js';

/** How pictures are drawn. */
export interface SceneSettings {
  /** Width and height in pixels. */
  readonly side: number;
  /** The most objects in a picture; each number from 1 up is equally likely. */
  readonly maxObjects: number;
  readonly style: Style;
}

export interface DrawnScene extends Raster {
  readonly truth: Omit<SceneTruth, 'file' | 'split' | 'seed' | 'index'>;
}

/** Draws the picture of a key; different keys give different pictures. */
export function drawScene(key: string, { side, maxObjects, style }: SceneSettings): DrawnScene {
  if (style === 'rich') {
    const { raster, objects, greyscale } = drawRichScene(key, side, maxObjects);
    const questions = richQuestions(objects, Random.of(`${key}:questions`));
    return { ...raster, truth: { greyscale, objects, caption: richCaption(objects), variants: richCaptionVariants(objects), questions } };
  }
  const random = Random.of(key);
  const { raster, objects } = drawPlainScene(key, random, side, maxObjects);
  const caption = canonicalCaption(objects);
  const variants = captionVariants(objects);
  return { ...raster, truth: { objects, caption, variants, questions: sceneQuestions(objects, random) } };
}
