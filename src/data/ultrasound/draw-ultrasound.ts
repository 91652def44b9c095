import { Random } from '../scenes/random.js';
import { drawPhantom } from './phantom.js';
import { speckle, type PolarGrid } from './speckle.js';

/** An 8-bit greyscale picture: `width × height` bytes, rows from the top. */
export interface GreyRaster {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** What scanners save: among them the 800 × 540 of HC18 and the 4:3 screens. */
const SIZES = [
  [640, 480],
  [800, 540],
  [800, 600],
  [960, 720],
  [1024, 768],
] as const;

const BEAMS = 192;
const DEPTHS = 448;
/** What lies so far below the strongest echo is black, dB. */
const DYNAMIC_RANGE = 55;

/** The picture of a curved probe: a ring sector, seen from the middle of its circles. */
interface Sector {
  readonly apexX: number;
  readonly apexY: number;
  readonly inner: number;
  readonly outer: number;
  /** To either side of the vertical, radians. */
  readonly halfAngle: number;
}

/**
 * Draws a picture that looks like B-mode ultrasound and shows nothing: speckle over an invented phantom, in the sector of a curved
 * probe, with the scale bars of a scanner. The same seed and index give the same pixels everywhere.
 */
export function drawUltrasound(seed: number, index: number): GreyRaster {
  const random = Random.of(`ultrasound:${seed}:${index}`);
  const [width, height] = random.pick(SIZES);
  const sector = drawSector(width, height, random);
  const pixels = new Uint8Array(width * height);
  scanConvert({ width, height, pixels }, sector, echoes(sector, random));
  drawScales({ width, height, pixels });
  return { width, height, pixels };
}

function drawSector(width: number, height: number, random: Random): Sector {
  const depth = 0.92 * height;
  const inner = random.uniform(0.2, 0.4) * depth;
  const outer = inner + depth;
  const halfAngle = Math.min(random.uniform(0.5, 0.68), Math.asin((0.46 * width) / outer));
  // The ends of the probe's face touch the upper margin.
  return { apexX: width / 2, apexY: 0.03 * height - inner * Math.cos(halfAngle), inner, outer, halfAngle };
}

/** Log-compressed echoes, 0 to 1, on the grid of beams. */
function echoes({ inner, outer, halfAngle }: Sector, random: Random): PolarGrid {
  const echo = drawPhantom(random);
  const grid = speckle(BEAMS, DEPTHS, { axial: random.uniform(1, 1.6), lateral: random.uniform(1.2, 2.2) }, random);
  const depth = outer - inner;
  for (let beam = 0; beam < BEAMS; beam++) {
    const angle = halfAngle * ((2 * beam) / (BEAMS - 1) - 1);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (let at = 0; at < DEPTHS; at++) {
      const radius = inner + (depth * at) / (DEPTHS - 1);
      const level = echo((radius * sin) / depth, (radius * cos - inner) / depth);
      const magnitude = grid.values[beam * DEPTHS + at] ?? 0;
      const decibels = level + 20 * Math.log10(Math.max(magnitude, 1e-6));
      grid.values[beam * DEPTHS + at] = Math.min(1, Math.max(0, 1 + decibels / DYNAMIC_RANGE));
    }
  }
  return grid;
}

/** From beams to pixels, bilinearly. What lies outside the sector stays black. */
function scanConvert({ width, height, pixels }: GreyRaster, { apexX, apexY, inner, outer, halfAngle }: Sector, grid: PolarGrid): void {
  const value = (beam: number, depth: number): number => grid.values[beam * DEPTHS + depth] ?? 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x + 0.5 - apexX, y + 0.5 - apexY];
      const radius = Math.hypot(dx, dy);
      const angle = Math.atan2(dx, dy);
      if (radius < inner || radius > outer || Math.abs(angle) > halfAngle) continue;
      const beam = ((angle / halfAngle + 1) / 2) * (BEAMS - 1);
      const depth = ((radius - inner) / (outer - inner)) * (DEPTHS - 1);
      const [b, d] = [Math.min(Math.floor(beam), BEAMS - 2), Math.min(Math.floor(depth), DEPTHS - 2)];
      const [fb, fd] = [beam - b, depth - d];
      const near = value(b, d) * (1 - fd) + value(b, d + 1) * fd;
      const far = value(b + 1, d) * (1 - fd) + value(b + 1, d + 1) * fd;
      pixels[y * width + x] = Math.round(255 * (near * (1 - fb) + far * fb));
    }
  }
}

/** A grey wedge at the left edge and depth marks at the right one. */
function drawScales({ width, height, pixels }: GreyRaster): void {
  const [top, bottom] = [Math.round(0.1 * height), Math.round(0.5 * height)];
  for (let y = top; y < bottom; y++) pixels.fill(Math.round((255 * (bottom - 1 - y)) / (bottom - 1 - top)), y * width + 8, y * width + 18);
  for (let mark = 0; mark <= 10; mark++) {
    const y = Math.round((0.03 + 0.092 * mark) * height);
    pixels.fill(200, y * width + width - (mark % 5 === 0 ? 16 : 10), y * width + width - 4);
  }
}
