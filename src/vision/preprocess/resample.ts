import type { ImageTile } from '../../core/image.js';

/** Weights are integers of this many fractional bits: 8 bits of pixel and 2 of overshoot leave 22 of 32. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

interface Kernel {
  /** How far the kernel reaches to either side: in source pixels, or in output pixels when shrinking. */
  readonly lobes: number;
  readonly weight: (distance: number) => number;
}

const KERNELS = {
  lanczos: { lobes: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
  bicubic: { lobes: 2, weight: bicubic },
} satisfies Record<string, Kernel>;

/** Named as in Pillow. */
export type ResampleFilter = keyof typeof KERNELS;

/** Pixels of one colour around a picture, as if it had been pasted onto a canvas. */
export interface Border {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly colour: readonly [number, number, number];
}

const NO_BORDER: Border = { left: 0, top: 0, right: 0, bottom: 0, colour: [0, 0, 0] };

/** One axis of a picture with the pixels before and behind it. */
interface Axis {
  readonly before: number;
  readonly length: number;
  readonly after: number;
}

/** For each output position: its first source position, its number of taps and, `stride` apart, their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
  /** Weight of all taps that fall on the border. */
  readonly outside: Int32Array;
}

/**
 * Resizes with an antialiased filter, as Pillow's `Image.resize` does: separable, width first, fixed-point weights, 8-bit
 * intermediate (Pillow, `src/libImaging/Resample.c`). libvips' `lanczos3` shrinks by a box filter first and enlarges with cubics,
 * so it cannot stand in for it. A border costs no memory: it is never drawn.
 */
export function resample(image: ImageTile, width: number, height: number, filter: ResampleFilter, border: Border = NO_BORDER): ImageTile {
  const { left, right, top, bottom, colour } = border;
  const across = { before: left, length: image.width, after: right };
  const wide = isUnchanged(across, width) ? image : resizeWidth(image, width, taps(across, width, KERNELS[filter]), colour);
  const down = { before: top, length: image.height, after: bottom };
  return isUnchanged(down, height) ? wide : resizeHeight(wide, height, taps(down, height, KERNELS[filter]), colour);
}

function isUnchanged({ before, length, after }: Axis, to: number): boolean {
  return before === 0 && after === 0 && length === to;
}

function resizeWidth({ width: from, height, rgb }: ImageTile, width: number, taps: Taps, colour: Border['colour']): ImageTile {
  const { first, count, weights, stride, outside } = taps;
  const out = new Uint8ClampedArray(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const around = outside[x] ?? 0;
      let r = HALF + Math.imul(around, colour[0]);
      let g = HALF + Math.imul(around, colour[1]);
      let b = HALF + Math.imul(around, colour[2]);
      let offset = (y * from + (first[x] ?? 0)) * 3;
      const end = x * stride + (count[x] ?? 0);
      for (let tap = x * stride; tap < end; tap++) {
        const weight = weights[tap] ?? 0;
        r = (r + Math.imul(rgb[offset] ?? 0, weight)) | 0;
        g = (g + Math.imul(rgb[offset + 1] ?? 0, weight)) | 0;
        b = (b + Math.imul(rgb[offset + 2] ?? 0, weight)) | 0;
        offset += 3;
      }
      out[to] = r >> WEIGHT_BITS;
      out[to + 1] = g >> WEIGHT_BITS;
      out[to + 2] = b >> WEIGHT_BITS;
      to += 3;
    }
  }
  return { width, height, rgb: new Uint8Array(out.buffer) };
}

function resizeHeight({ width, rgb }: ImageTile, height: number, taps: Taps, colour: Border['colour']): ImageTile {
  const { first, count, weights, stride, outside } = taps;
  const row = width * 3;
  const out = new Uint8ClampedArray(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const around = outside[y] ?? 0;
    if (around !== 0) for (let i = 0; i < row; i++) sums[i] = HALF + Math.imul(around, colour[i % 3] ?? 0);
    let offset = (first[y] ?? 0) * row;
    let tap = y * stride;
    const end = tap + (count[y] ?? 0);
    // Four source rows a turn: a sum is loaded and stored once for four products.
    for (; tap + 3 < end; tap += 4, offset += 4 * row) {
      const [w0, w1, w2, w3] = [weights[tap] ?? 0, weights[tap + 1] ?? 0, weights[tap + 2] ?? 0, weights[tap + 3] ?? 0];
      for (let i = 0; i < row; i++) {
        const above = offset + i;
        sums[i] =
          (sums[i] ?? 0) +
          Math.imul(rgb[above] ?? 0, w0) +
          Math.imul(rgb[above + row] ?? 0, w1) +
          Math.imul(rgb[above + 2 * row] ?? 0, w2) +
          Math.imul(rgb[above + 3 * row] ?? 0, w3);
      }
    }
    for (; tap < end; tap++, offset += row) {
      const weight = weights[tap] ?? 0;
      for (let i = 0; i < row; i++) sums[i] = (sums[i] ?? 0) + Math.imul(rgb[offset + i] ?? 0, weight);
    }
    for (let i = 0; i < row; i++) out[y * row + i] = (sums[i] ?? 0) >> WEIGHT_BITS;
  }
  return { width, height, rgb: new Uint8Array(out.buffer) };
}

/** Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` over a whole axis, border included; only the picture's own taps are kept. */
function taps({ before, length, after }: Axis, to: number, { lobes, weight }: Kernel): Taps {
  const from = before + length + after;
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = lobes * stretch;
  const stride = Math.min(Math.ceil(reach) * 2 + 1, length);
  const kept: Taps = {
    first: new Int32Array(to),
    count: new Int32Array(to),
    weights: new Int32Array(to * stride),
    stride,
    outside: new Int32Array(to),
  };
  for (let position = 0; position < to; position++) {
    const centre = (position + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const at = (tap: number): number => weight((tap - centre + 0.5) / stretch);
    let total = 0;
    for (let tap = first; tap < end; tap++) total += at(tap);
    const inside = Math.min(Math.max(first, before), before + length);
    const insideEnd = Math.max(Math.min(end, before + length), inside);
    kept.first[position] = inside - before;
    kept.count[position] = insideEnd - inside;
    let outside = 0;
    for (let tap = first; tap < end; tap++) {
      const rounded = roundAwayFromZero((at(tap) / total) * (1 << WEIGHT_BITS));
      if (tap >= inside && tap < insideEnd) kept.weights[position * stride + tap - inside] = rounded;
      else outside += rounded;
    }
    kept.outside[position] = outside;
  }
  return kept;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Keys' cubic with a = −1/2. */
function bicubic(x: number): number {
  const distance = Math.abs(x);
  if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * -0.5 : 0;
}

function roundAwayFromZero(x: number): number {
  return Math.trunc(x < 0 ? x - 0.5 : x + 0.5);
}
