import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

import type { ScenePicture } from '../../bench/scenarios/scenes/scenes-scenario.js';
import type { CaptionVocabulary, DescribedObject } from '../../bench/quality/parse-caption.js';
import type { ImagePreprocessing } from '../../core/image.js';
import type { SceneOptions } from '../../data/scenes/generate-scene.js';
import type { Raster } from '../../data/scenes/raster.js';
import { renderScene } from '../../data/scenes/render-scene.js';
import type { SceneTruth } from '../../data/scenes/truth.js';
import { COLOURS, OBJECT_SHAPES, POSITIONS, SIZES, type Renderer } from '../../data/scenes/vocabulary.js';
import { preprocessImage } from '../../vision/prepare-image.js';

export interface EvalScenePicture extends ScenePicture {
  /** As the line of `truths.jsonl` that `data scenes` would write. */
  readonly line: string;
}

/** What captions of scenes are made of. */
export const SCENE_VOCABULARY: CaptionVocabulary = {
  shapes: [...OBJECT_SHAPES, ...Array.from('0123456789', (digit) => `digit ${digit}`)],
  colours: COLOURS,
  sizes: SIZES,
  positions: POSITIONS,
};

/** Scenes drawn in memory. With `shuffle` each truth goes with the next picture, and the last one with the first. */
export async function* evalScenePictures(
  options: Omit<SceneOptions, 'index'>,
  { count, renderer, shuffle, preprocessing }: { count: number; renderer: Renderer; shuffle: boolean; preprocessing: ImagePreprocessing },
): AsyncGenerator<EvalScenePicture, void, void> {
  const prepare = async (index: number): Promise<EvalScenePicture> => {
    // Drawing takes this thread: the picture before must be on its way to the engine first.
    await setImmediate();
    const scene = await renderScene({ ...options, index }, renderer);
    const shown = shuffle ? await renderScene({ ...options, index: (index + 1) % count }, renderer) : scene;
    const image = await preprocessImage(decoded(shown), preprocessing);
    const file = `images/${String(index).padStart(6, '0')}.png`;
    return { image, truth: evalTruth(scene.truth), line: `${JSON.stringify({ ...scene.truth, file })}\n` };
  };
  let next: Promise<EvalScenePicture> | undefined = prepare(0);
  for (let index = 1; next !== undefined; index++) {
    const current: EvalScenePicture = await next;
    next = index < count ? prepare(index) : undefined;
    // It surfaces when its turn comes, not as an unhandled rejection before.
    next?.catch(() => undefined);
    yield current;
  }
}

/** Objects as captions are read: a digit is a shape of its own, and what the truth leaves out is null. */
export function describedObjects(objects: SceneTruth['objects']): DescribedObject[] {
  return objects.map(({ shape, digit, colour, size, position }) => ({
    shape: digit === undefined ? shape : `digit ${digit}`,
    colour: colour ?? null,
    size,
    position,
  }));
}

function evalTruth({ objects, caption, variants, questions }: SceneTruth): ScenePicture['truth'] {
  return {
    objects: describedObjects(objects),
    captions: [caption, ...variants],
    questions,
  };
}

/** The pixels and their hash, as `decodeImage` would give them for a file of the scene. */
export function decoded({ side, pixels }: Raster): Parameters<typeof preprocessImage>[0] {
  const digest = createHash('sha256').update(pixels).digest();
  return { width: side, height: side, rgb: pixels, hash: createHash('sha256').update(`${side}x${side}:`).update(digest).digest('hex') };
}
