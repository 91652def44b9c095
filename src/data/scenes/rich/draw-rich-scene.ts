import { Random } from '../random.js';
import { drawShape, type Raster } from '../raster.js';
import { jittered, nameMargin } from '../rgb.js';
import { SIGNED_DISTANCE } from '../signed-distance.js';
import type { SceneObject } from '../truth.js';
import { COLOUR_JITTER, COLOUR_RGB, COLOURS, POSITIONS, SHAPES, SIZE_JITTER, SIZE_RADIUS, SIZES, type Rgb } from '../vocabulary.js';
import { DIGIT_DISTANCE } from './digit-distance.js';
import { applyFinish, pickFinish, softened } from './finish.js';
import { pickGreyGround, pickGround } from './ground.js';
import { drawTexture } from './texture.js';

/** After the finish, the mean of an object's interior is at least this much nearer to its own colour name than to any other. */
export const NAME_MARGIN = 20;

/** Shares of the pictures that are greyscale, and that have digits among the objects. */
const GREYSCALE_SHARE = 0.15;
const DIGITS_SHARE = 0.3;
/** How often an object repeats a colour or a shape of the picture: questions are easy where everything differs. */
const REPEAT_SHARE = 0.3;

interface RichDrawing {
  readonly raster: Raster;
  readonly objects: SceneObject[];
  /** For each object where in the pixels its inside is; see `drawShape`. */
  readonly interiors: readonly (readonly number[])[];
  readonly greyscale: boolean;
}

type Plan = Pick<SceneObject, 'shape' | 'digit' | 'size' | 'position'> & { readonly cell: number };

function pickPlans(maxObjects: number, random: Random): Plan[] {
  const cells = random.sample([...POSITIONS.keys()], 1 + random.below(maxObjects)).sort((a, b) => a - b);
  const withDigits = random.uniform(0, 1) < DIGITS_SHARE;
  const plans: Plan[] = [];
  for (const cell of cells) {
    const place = { size: random.pick(SIZES), position: POSITIONS[cell] ?? 'center', cell };
    const before = plans.length > 0 && random.uniform(0, 1) < REPEAT_SHARE ? random.pick(plans).shape : 'digit';
    const digit = withDigits && (plans.length === 0 || random.below(2) === 0);
    if (digit) plans.push({ ...place, shape: 'digit', digit: random.below(10) });
    else plans.push({ ...place, shape: before === 'digit' ? random.pick(SHAPES) : before });
  }
  return plans;
}

/** The mean of the pixels that start at these places. */
function meanColour({ pixels }: Raster, at: readonly number[]): Rgb {
  const mean = (channel: number): number => at.reduce((sum, pixel) => sum + (pixels[pixel + channel] ?? 0), 0) / at.length;
  return [mean(0), mean(1), mean(2)];
}

/**
 * Draws 1 to `maxObjects` objects. None overlaps another: each keeps within its third of the picture. The finish is softened
 * until every colour is true to its name (see {@link NAME_MARGIN}).
 */
export function drawRichScene(key: string, side: number, maxObjects: number): RichDrawing {
  const random = Random.of(key);
  const plans = pickPlans(maxObjects, random);
  const greyscale = random.uniform(0, 1) < GREYSCALE_SHARE;
  const colours = greyscale
    ? []
    : plans.reduce<(typeof COLOURS)[number][]>(
        (list) => [...list, random.pick(list.length > 0 && random.uniform(0, 1) < REPEAT_SHARE ? list : COLOURS)],
        [],
      );
  const grey = greyscale ? pickGreyGround(side, plans.length, random) : null;
  const rgbs = grey?.greys ?? colours.map((colour) => jittered(COLOUR_RGB[colour], COLOUR_JITTER, random));
  const ground = grey?.ground ?? pickGround(side, rgbs, random);

  // What is drawn a pixel at a time has streams of its own: how much of it there is must not change what else is drawn.
  const raster = drawTexture(side, ground, Random.of(`${key}:texture`));
  const font = random.pick(DIGIT_DISTANCE);
  const drawn = plans.map(({ cell, shape, digit, size, position }, index) => {
    const radius = side * SIZE_RADIUS[size] * random.uniform(1 - SIZE_JITTER, 1 + SIZE_JITTER);
    // The widest, a turned triangle, reaches 1.14 radii from its middle; a large one turns less, so that it fits in its third.
    const stray = Math.max(0, Math.min(0.045 * side, side / 6 - 1.14 * radius));
    const turn = shape === 'triangle' && size === 'large' ? 0.04 : 0.2;
    const colour = colours[index];
    const shown = drawShape(raster, {
      distance: (shape === 'digit' ? font[digit ?? 0] : SIGNED_DISTANCE[shape]) ?? SIGNED_DISTANCE.circle,
      rgb: rgbs[index] ?? [0, 0, 0],
      x: (((cell % 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      y: ((Math.floor(cell / 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      radius,
      angle: random.uniform(-turn, turn),
    });
    const object: SceneObject = {
      shape,
      ...(digit !== undefined && { digit }),
      ...(colour !== undefined && { colour }),
      size,
      position,
      box: shown.box,
    };
    return { object, interior: shown.interior };
  });

  const finish = pickFinish(side, random);
  const objects = drawn.map(({ object }) => object);
  const interiors = drawn.map(({ interior }) => interior);
  for (let strength = 1; ; strength = strength < 0.5 ? 0 : strength / 2) {
    const finished: Raster = { side, pixels: raster.pixels.slice() };
    applyFinish(finished, softened(finish, strength), greyscale, Random.of(`${key}:noise`));
    const trueToName = drawn.every(({ object: { colour }, interior }) => {
      return colour === undefined || interior.length === 0 || nameMargin(meanColour(finished, interior), colour) >= NAME_MARGIN;
    });
    if (trueToName || strength === 0) return { raster: finished, objects, interiors, greyscale };
  }
}
