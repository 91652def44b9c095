import type { Raster } from '../raster.js';

/** The tables of ITU-T T.81, annex K.1, in reading order. */
// prettier-ignore
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61,
  12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77,
  24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
// prettier-ignore
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99,
  18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
];

/** libjpeg's scaling of a table by a quality from 1 to 100 (jpeg_quality_scaling, baseline). */
function quantisation(table: readonly number[], quality: number): Float64Array {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return Float64Array.from(table, (step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100))));
}

/** Row u holds the u-th cosine of the orthonormal DCT-II, T.81 A.3.3. */
const COSINES = Float64Array.from({ length: 64 }, (_, at) => {
  const [u, x] = [at >> 3, at & 7];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});
const TRANSPOSED = COSINES.map((_, at) => COSINES[(at & 7) * 8 + (at >> 3)] ?? 0);

const rows = new Float64Array(64);

/** `block` becomes M · block · Mᵀ. */
function transform(block: Float64Array, matrix: Float64Array): void {
  for (const [from, to] of [
    [block, rows],
    [rows, block],
  ] as const) {
    // Each pass multiplies and transposes, so the two together do both sides.
    for (let i = 0; i < 8; i++) {
      const [a, b, c, d] = [from[8 * i] ?? 0, from[8 * i + 1] ?? 0, from[8 * i + 2] ?? 0, from[8 * i + 3] ?? 0];
      const [e, f, g, h] = [from[8 * i + 4] ?? 0, from[8 * i + 5] ?? 0, from[8 * i + 6] ?? 0, from[8 * i + 7] ?? 0];
      for (let u = 0; u < 64; u += 8) {
        const left = (matrix[u] ?? 0) * a + (matrix[u + 1] ?? 0) * b + (matrix[u + 2] ?? 0) * c + (matrix[u + 3] ?? 0) * d;
        const right = (matrix[u + 4] ?? 0) * e + (matrix[u + 5] ?? 0) * f + (matrix[u + 6] ?? 0) * g + (matrix[u + 7] ?? 0) * h;
        to[u + i] = left + right;
      }
    }
  }
}

/** Codes and decodes every 8 × 8 block of a square plane, whose side is a multiple of 8 and whose values are about zero. */
function quantise(plane: Float64Array, side: number, steps: Float64Array): void {
  const block = new Float64Array(64);
  for (let top = 0; top < side; top += 8) {
    for (let left = 0; left < side; left += 8) {
      const origin = top * side + left;
      for (let i = 0; i < 64; i++) block[i] = plane[origin + (i >> 3) * side + (i & 7)] ?? 0;
      transform(block, COSINES);
      for (let i = 0; i < 64; i++) block[i] = Math.round((block[i] ?? 0) / (steps[i] ?? 1)) * (steps[i] ?? 1);
      transform(block, TRANSPOSED);
      for (let i = 0; i < 64; i++) plane[origin + (i >> 3) * side + (i & 7)] = Math.min(127, Math.max(-128, Math.round(block[i] ?? 0)));
    }
  }
}

/** Halves a plane, each value being the mean of four. */
function halved(plane: Float64Array, side: number): Float64Array {
  const half = new Float64Array((side / 2) ** 2);
  for (let y = 0, to = 0; y < side; y += 2) {
    for (let from = y * side; from < (y + 1) * side; from += 2) {
      half[to++] = ((plane[from] ?? 0) + (plane[from + 1] ?? 0) + (plane[from + side] ?? 0) + (plane[from + side + 1] ?? 0)) / 4;
    }
  }
  return half;
}

/** Doubles a plane, each value weighing the four nearest 9 : 3 : 3 : 1, as libjpeg's "fancy upsampling" does. */
function doubled(half: Float64Array, side: number): Float64Array {
  const width = side / 2;
  const plane = new Float64Array(side * side);
  for (let y = 0; y < side; y++) {
    const near = (y >> 1) * width;
    const far = Math.min(width - 1, Math.max(0, (y >> 1) + (y & 1 ? 1 : -1))) * width;
    for (let x = 0; x < side; x++) {
      const column = x >> 1;
      const beside = Math.min(width - 1, Math.max(0, column + (x & 1 ? 1 : -1)));
      const here = 3 * (half[near + column] ?? 0) + (half[far + column] ?? 0);
      plane[y * side + x] = (3 * here + 3 * (half[near + beside] ?? 0) + (half[far + beside] ?? 0)) / 16;
    }
  }
  return plane;
}

/**
 * What JPEG at `quality` (1 to 100, chroma halved) does to a picture, in place. Only the lossy steps are done and no bytes are
 * made: so the result is the same on every machine, whichever JPEG library it has.
 */
export function jpegLoss({ side, pixels }: Raster, quality: number): void {
  // Beyond the edge the picture goes on as it ends, up to whole blocks of the halved planes.
  const padded = Math.ceil(side / 16) * 16;
  const [luma, blueness, redness] = [new Float64Array(padded ** 2), new Float64Array(padded ** 2), new Float64Array(padded ** 2)];
  for (let y = 0, to = 0; y < padded; y++) {
    for (let x = 0; x < padded; x++, to++) {
      const at = 3 * (Math.min(y, side - 1) * side + Math.min(x, side - 1));
      const [red, green, blue] = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
      const light = 0.299 * red + 0.587 * green + 0.114 * blue;
      luma[to] = Math.round(light) - 128;
      blueness[to] = Math.round((blue - light) / 1.772);
      redness[to] = Math.round((red - light) / 1.402);
    }
  }
  quantise(luma, padded, quantisation(LUMINANCE, quality));
  const [cb = blueness, cr = redness] = [blueness, redness].map((plane) => {
    const half = halved(plane, padded);
    quantise(half, padded / 2, quantisation(CHROMINANCE, quality));
    return doubled(half, padded);
  });
  const bytes = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = y * padded + x;
      const light = (luma[from] ?? 0) + 128;
      const b = cb[from] ?? 0;
      const r = cr[from] ?? 0;
      bytes[at++] = light + 1.402 * r;
      bytes[at++] = light - 0.344136 * b - 0.714136 * r;
      bytes[at++] = light + 1.772 * b;
    }
  }
}
