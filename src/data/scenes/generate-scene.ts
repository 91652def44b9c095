import { EdgeVlmError } from '../../core/errors.js';
import { canonicalCaption, captionVariants } from './captions.js';
import { sceneQuestions } from './questions.js';
import { Random } from './random.js';
import { drawBackground, drawShape, type Background, type Raster } from './raster.js';
import type { SceneTruth } from './truth.js';
import {
  COLOUR_JITTER,
  COLOUR_RGB,
  COLOURS,
  POSITIONS,
  SHAPES,
  SIZE_JITTER,
  SIZE_RADIUS,
  SIZES,
  type Colour,
  type Rgb,
  type Split,
} from './vocabulary.js';

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
  /** The most objects in a picture, 1 to 9; default 1. Each number from 1 up is equally likely. */
  readonly maxObjects?: number;
}

export interface Scene extends Raster {
  readonly truth: SceneTruth;
}

/** Least distance in RGB between a background and any object's colour, so that every object can be seen. */
const CONTRAST = 85;

const jittered = (rgb: Rgb, by: number, random: Random): Rgb => [
  Math.round(rgb[0] + random.uniform(-by, by)),
  Math.round(rgb[1] + random.uniform(-by, by)),
  Math.round(rgb[2] + random.uniform(-by, by)),
];

const distance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** A grey or muted colour that stands apart from the colours of all objects. */
function pickBackground(colours: readonly Colour[], random: Random): Background {
  for (;;) {
    const grey = random.uniform(30, 225);
    const rgb = jittered([grey, grey, grey], random.pick([0, 15, 45]), random);
    const slope = random.pick([0, 10, 20]);
    const noise = random.pick([0, 2, 5]);
    if (colours.some((colour) => distance(rgb, COLOUR_RGB[colour]) < CONTRAST)) continue;
    return { rgb, slope: [random.uniform(-slope, slope), random.uniform(-slope, slope)], noise };
  }
}

function checkRange(name: string, value: number, low: number, high: number): void {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return;
  throw new EdgeVlmError('USAGE', `${name} must be a whole number from ${low} to ${high}, not ${value}`);
}

/**
 * Draws one picture of coloured shapes and says what is true of it.
 * @throws EdgeVlmError USAGE when an option is out of its range.
 */
export function generateScene({ split, seed, index, side = 128, maxObjects = 1 }: SceneOptions): Scene {
  checkRange('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkRange('index', index, 0, Number.MAX_SAFE_INTEGER);
  checkRange('side', side, 32, 2048);
  checkRange('maxObjects', maxObjects, 1, POSITIONS.length);
  const key = `scenes:${split}:${seed}:${index}`;
  const random = Random.of(key);

  const cells = random.sample([...POSITIONS.keys()], 1 + random.below(maxObjects)).sort((a, b) => a - b);
  const plans = cells.map((cell) => ({ cell, shape: random.pick(SHAPES), colour: random.pick(COLOURS), size: random.pick(SIZES) }));
  const background = pickBackground(
    plans.map(({ colour }) => colour),
    random,
  );
  // Noise has a stream of its own: how much of it there is must not change what else is drawn.
  const raster = drawBackground(side, background, Random.of(`${key}:noise`));

  const objects = plans.map(({ cell, shape, colour, size }) => {
    const radius = side * SIZE_RADIUS[size] * random.uniform(1 - SIZE_JITTER, 1 + SIZE_JITTER);
    // An object may stray within its third of the picture but not leave it.
    const stray = Math.max(0, Math.min(0.045 * side, side / 6 - 1.05 * radius));
    const box = drawShape(raster, {
      shape,
      rgb: jittered(COLOUR_RGB[colour], COLOUR_JITTER, random),
      x: (((cell % 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      y: ((Math.floor(cell / 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      radius,
      angle: random.uniform(-0.2, 0.2),
    });
    return { shape, colour, size, position: POSITIONS[cell] ?? 'center', box };
  });

  return {
    ...raster,
    truth: {
      file: '',
      split,
      seed,
      index,
      objects,
      caption: canonicalCaption(objects),
      variants: captionVariants(objects),
      questions: sceneQuestions(objects, random),
    },
  };
}
