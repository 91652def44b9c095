import type { ImageTile } from '../../core/image.js';

/** Taps reach three source pixels (or three output pixels, when shrinking) to either side. */
const LOBES = 3;

/** Weights are integers of this many fractional bits: 8 bits of pixel and 2 of overshoot leave 22 of 32. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

/** For each output position: its first source position, its number of taps and, `stride` apart, their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * Resizes with an antialiased Lanczos filter, as Pillow's `Image.resize(size, LANCZOS)` does: separable, width first,
 * fixed-point weights, 8-bit intermediate (Pillow, `src/libImaging/Resample.c`). libvips' `lanczos3` shrinks by a box
 * filter first and enlarges with cubics, so it cannot stand in for it.
 */
export function resizeLanczos(image: ImageTile, width: number, height: number): ImageTile {
  const wide = width === image.width ? image : resizeWidth(image, width);
  return height === image.height ? wide : resizeHeight(wide, height);
}

function resizeWidth({ width: from, height, rgb }: ImageTile, width: number): ImageTile {
  const { first, count, weights, stride } = lanczosTaps(from, width);
  const out = new Uint8ClampedArray(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
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

function resizeHeight({ width, height: from, rgb }: ImageTile, height: number): ImageTile {
  const { first, count, weights, stride } = lanczosTaps(from, height);
  const row = width * 3;
  const out = new Uint8ClampedArray(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
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

/** Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` over a whole axis. */
function lanczosTaps(from: number, to: number): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = LOBES * stretch;
  const stride = Math.ceil(reach) * 2 + 1;
  const taps: Taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Int32Array(to * stride), stride };
  for (let position = 0; position < to; position++) {
    const centre = (position + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const count = Math.min(from, Math.trunc(centre + reach + 0.5)) - first;
    const weights = Array.from({ length: count }, (_, tap) => lanczos((tap + first - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    taps.first[position] = first;
    taps.count[position] = count;
    taps.weights.set(
      weights.map((weight) => roundAwayFromZero((weight / total) * (1 << WEIGHT_BITS))),
      position * stride,
    );
  }
  return taps;
}

function lanczos(x: number): number {
  return x >= -LOBES && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function roundAwayFromZero(x: number): number {
  return Math.trunc(x < 0 ? x - 0.5 : x + 0.5);
}
