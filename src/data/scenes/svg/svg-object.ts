import type { Random } from '../random.js';
import { NAME_MARGIN } from '../rich/draw-rich-scene.js';
import { nameMargin } from '../rgb.js';
import type { SceneObject } from '../truth.js';
import { POSITIONS, SIZE_JITTER, SIZE_RADIUS, type Rgb } from '../vocabulary.js';
import { DIGIT_PATHS } from './digit-path.js';
import { shapePath } from './shape-path.js';
import { rgbText } from './svg-ground.js';

/** An object of a picture 128 units wide, as SVG. */
export interface SvgObject {
  /** With shading, and in rich pictures perhaps outline and shadow. */
  readonly shown: string;
  /** Outline included, in one colour and without smooth edges. */
  readonly silhouette: (fill: string) => string;
}

/** How all objects of a picture are drawn. */
export interface SvgLook {
  /** Strokes of the ten digits. */
  readonly digits: readonly string[];
  readonly outlined: boolean;
  readonly shadowed: boolean;
  /** Corners, of shapes and of the ends of digits. */
  readonly corners: 'round' | 'miter';
}

export function pickLook(rich: boolean, random: Random): SvgLook {
  return {
    digits: random.pick(DIGIT_PATHS),
    outlined: rich && random.below(3) === 0,
    shadowed: rich && random.below(3) === 0,
    corners: random.pick(['round', 'miter']),
  };
}

const SIDE = 128;
/** Greatest difference of a gradient's ends from the object's colour, in levels. */
const SHADE = 18;
/** Width of an outline as a share of the object's radius. */
const OUTLINE = 0.08;
/** An object must be so light for a shadow to set it off and not to blur it. */
const LIGHT_ENOUGH = 110;

const clamp = (level: number): number => Math.min(255, Math.max(0, level));
const shaded = (rgb: Rgb, by: number): Rgb => [clamp(rgb[0] + by), clamp(rgb[1] + by), clamp(rgb[2] + by)];
const scaled = (rgb: Rgb, by: number): Rgb => [rgb[0] * by, rgb[1] * by, rgb[2] * by];
const lightness = (rgb: Rgb): number => 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2];

/** How far a gradient may go so that both ends are still called what the object is called. */
function shadeOf(rgb: Rgb, colour: SceneObject['colour']): number {
  for (let shade = SHADE; shade > 0; shade -= 3) {
    if (colour === undefined || [shade, -shade].every((by) => nameMargin(shaded(rgb, by), colour) >= NAME_MARGIN)) return shade;
  }
  return 0;
}

/** Draws one object where and as large as its truth says, in a colour. @param index tells its gradient from those of the others */
export function svgObject(object: SceneObject, rgb: Rgb, index: number, look: SvgLook, random: Random): SvgObject {
  const { shape, digit, colour, size, position } = object;
  const extent = SIDE * SIZE_RADIUS[size] * random.uniform(1 - SIZE_JITTER, 1 + SIZE_JITTER);
  // The outline is part of the object: with one it is drawn so much smaller.
  const radius = look.outlined ? extent / (1 + OUTLINE) : extent;
  const stray = Math.max(0, Math.min(0.045 * SIDE, SIDE / 6 - 1.14 * extent));
  const cell = POSITIONS.indexOf(position);
  const x = (((cell % 3) + 0.5) * SIDE) / 3 + random.uniform(-stray, stray);
  const y = ((Math.floor(cell / 3) + 0.5) * SIDE) / 3 + random.uniform(-stray, stray);
  const turn = shape === 'triangle' && size === 'large' ? 2 : 11;
  const placed = `transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${random.uniform(-turn, turn).toFixed(1)}) scale(${radius.toFixed(2)})"`;
  const joins = `stroke-linejoin="${look.corners}" stroke-linecap="${look.corners === 'round' ? 'round' : 'square'}" fill-rule="evenodd"`;

  const path = shape === 'digit' ? (look.digits[digit ?? 0] ?? '') : shapePath(shape, random);
  const stroke = shape === 'digit' ? random.uniform(0.26, 0.42) : 0;
  /** The path filled, or stroked where it is a digit; `beyond` goes so far over its edge. */
  const drawn = (paint: string, beyond: number): string => {
    const width = (stroke + 2 * beyond).toFixed(3);
    return `<path d="${path}" fill="${stroke > 0 ? 'none' : paint}" stroke="${paint}" stroke-width="${width}"/>`;
  };
  const outline = look.outlined ? OUTLINE : 0;
  const edge = outline === 0 ? '' : drawn(rgbText(lightness(rgb) > 60 ? scaled(rgb, 0.5) : shaded(rgb, 120)), outline);
  const shade = shadeOf(rgb, colour);
  const [from, to] = [random.uniform(-shade, shade), random.uniform(-shade, shade)];
  const stops = `<stop offset="0" stop-color="${rgbText(shaded(rgb, from))}"/><stop offset="1" stop-color="${rgbText(shaded(rgb, to))}"/>`;
  const gradient =
    random.below(2) === 0
      ? `<linearGradient id="fill${index}" gradientUnits="userSpaceOnUse" x1="-.7" y1="-.7" x2=".7" y2=".7">${stops}</linearGradient>`
      : `<radialGradient id="fill${index}" gradientUnits="userSpaceOnUse" cx="-.3" cy="-.3" r="1.2">${stops}</radialGradient>`;
  const shadow = `<g filter="url(#shadow)" opacity=".35"><g transform="translate(1.2 1.6)"><g ${placed} ${joins}>${drawn('black', outline)}</g></g></g>`;
  return {
    shown: `${look.shadowed && lightness(rgb) >= LIGHT_ENOUGH ? shadow : ''}<g ${placed} ${joins}>${gradient}${edge}${drawn(`url(#fill${index})`, 0)}</g>`,
    silhouette: (fill) => `<g ${placed} ${joins} shape-rendering="crispEdges">${drawn(fill, outline)}</g>`,
  };
}
