import sharp from 'sharp';

import type { Scene } from '../generate-scene.js';
import { Random } from '../random.js';
import type { Box, Raster } from '../raster.js';
import { jittered } from '../rgb.js';
import { pickGreyGround, pickGround } from '../rich/ground.js';
import type { SceneTruth } from '../truth.js';
import { COLOUR_JITTER, COLOUR_RGB, type Style } from '../vocabulary.js';
import { svgGround } from './svg-ground.js';
import { pickLook, svgObject, type SvgObject } from './svg-object.js';

/** Bounds of the quality of a JPEG file, which a third of the rich pictures has been. */
const JPEG_QUALITY = [60, 92] as const;

/**
 * Draws another picture of which the same is true: as SVG, rasterised by librsvg, with outlines of shapes, digits, backgrounds and
 * edges that share no code with the other renderer. Sizes, positions, colours and how far they stand out keep to the same bounds.
 * Pixels and boxes may differ between versions of sharp.
 */
export async function renderSvgScene(truth: SceneTruth, side: number, style: Style): Promise<Scene> {
  const { split, seed, index, greyscale = false } = truth;
  const random = Random.of(`svg:${style}:${split}:${seed}:${index}:${truth.objects.length}`);
  const rich = style === 'rich';
  const grey = greyscale ? pickGreyGround(side, truth.objects.length, random) : null;
  const rgbs = grey?.greys ?? truth.objects.map(({ colour = 'white' }) => jittered(COLOUR_RGB[colour], COLOUR_JITTER, random));
  const { from, to } = grey?.ground ?? pickGround(side, rgbs, random);
  const look = pickLook(rich, random);
  const drawn = truth.objects.map((object, at) => svgObject(object, rgbs[at] ?? from, at, look, random));

  const shadow = '<filter id="shadow" x="-1" y="-1" width="3" height="3"><feGaussianBlur stdDeviation="1.4"/></filter>';
  const picture = await rasterise(
    `${shadow}${svgGround(from, to, rich, random)}${drawn.map(({ shown }) => shown).join('')}`,
    side,
    rich && random.below(3) === 0 ? Math.round(random.uniform(...JPEG_QUALITY)) : null,
  );
  const boxes = await measureBoxes(drawn, side);
  return { ...picture, truth: { ...truth, objects: truth.objects.map((object, at) => ({ ...object, box: boxes[at] ?? object.box })) } };
}

async function rasterise(body: string, side: number, jpeg: number | null = null): Promise<Raster> {
  // Picture intake blocks this loader for the whole process. Unblocked it still gets nothing but our own SVG: intake looks at the
  // first bytes itself and hands on only the formats it knows.
  sharp.unblock({ operation: ['VipsForeignLoadSvgBuffer'] });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="0 0 128 128">${body}</svg>`;
  const image = sharp(Buffer.from(svg)).flatten();
  const whole = jpeg === null ? image : sharp(await image.jpeg({ quality: jpeg }).toBuffer());
  return { side, pixels: new Uint8Array(await whole.toColourspace('srgb').raw().toBuffer()) };
}

/** Where the objects are: each is drawn in a red of its own, without smooth edges. */
async function measureBoxes(objects: readonly SvgObject[], side: number): Promise<Box[]> {
  const boxes = objects.map((): Box => [side, side, 0, 0]);
  const { pixels } = await rasterise(objects.map(({ silhouette }, at) => silhouette(redOf(at))).join(''), side);
  for (let at = 0; at < side * side; at++) {
    const box = boxes[(pixels[3 * at] ?? 0) - 1];
    if (box === undefined) continue;
    const [x, y] = [at % side, Math.floor(at / side)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  }
  return boxes;
}

const redOf = (index: number): string => `rgb(${index + 1},0,0)`;
