import { Random } from './random.js';
import { drawBackground, drawShape, type Background, type Raster } from './raster.js';
import { jittered, rgbDistance } from './rgb.js';
import { SIGNED_DISTANCE } from './signed-distance.js';
import type { PlainObject, SceneObject } from './truth.js';
import { COLOUR_JITTER, COLOUR_RGB, COLOURS, POSITIONS, SHAPES, SIZE_JITTER, SIZE_RADIUS, SIZES, type Colour } from './vocabulary.js';

/** Least distance in RGB between a background and any object's colour, so that every object can be seen. */
const CONTRAST = 85;

/** A grey or muted colour that stands apart from the colours of all objects. */
function pickBackground(colours: readonly Colour[], random: Random): Background {
  for (;;) {
    const grey = random.uniform(30, 225);
    const rgb = jittered([grey, grey, grey], random.pick([0, 15, 45]), random);
    const slope = random.pick([0, 10, 20]);
    const noise = random.pick([0, 2, 5]);
    if (colours.some((colour) => rgbDistance(rgb, COLOUR_RGB[colour]) < CONTRAST)) continue;
    return { rgb, slope: [random.uniform(-slope, slope), random.uniform(-slope, slope)], noise };
  }
}

interface PlainDrawing {
  readonly raster: Raster;
  readonly objects: (PlainObject & Pick<SceneObject, 'box'>)[];
}

/** Draws 1 to `maxObjects` coloured shapes on a plain ground, drawing by `random`, the stream of `key`. */
export function drawPlainScene(key: string, random: Random, side: number, maxObjects: number): PlainDrawing {
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
    const { box } = drawShape(raster, {
      distance: SIGNED_DISTANCE[shape],
      rgb: jittered(COLOUR_RGB[colour], COLOUR_JITTER, random),
      x: (((cell % 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      y: ((Math.floor(cell / 3) + 0.5) * side) / 3 + random.uniform(-stray, stray),
      radius,
      angle: random.uniform(-0.2, 0.2),
    });
    return { shape, colour, size, position: POSITIONS[cell] ?? 'center', box };
  });
  return { raster, objects };
}
