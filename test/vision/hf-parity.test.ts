import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import type { ImagePreprocessing, ImageTile } from '../../src/core/image.js';
import { decodeImage } from '../../src/vision/intake/decode-image.js';
import { tileToPatches } from '../../src/engine/tile-to-patches.js';
import { prepareImage } from '../../src/vision/prepare-image.js';

const Triple = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const Manifest = Type.Object({
  mean: Triple,
  std: Triple,
  configs: Type.Record(Type.String(), Type.Object({ longestEdge: Type.Integer(), tileSize: Type.Integer(), splitting: Type.Boolean() })),
  cases: Type.Array(
    Type.Object({
      picture: Type.String(),
      config: Type.String(),
      rows: Type.Integer(),
      columns: Type.Integer(),
      tiles: Type.Integer(),
      stride: Type.Integer(),
      expected: Type.String(),
    }),
  ),
});

const FIXTURES = new URL('../fixtures/vision/', import.meta.url);
const fixture = (name: string): string => fileURLToPath(new URL(name, FIXTURES));
const manifest = Value.Parse(Manifest, JSON.parse(readFileSync(fixture('manifest.json'), 'utf8')));

/** The bound is 0.02. Lossless formats and JPEG stay far below; AVIF decoders differ in how they enlarge the colour planes. */
const boundOf = (picture: string): number => (picture.endsWith('.avif') ? 0.02 : 0.004);

describe("pixels are those of HF's Idefics3ImageProcessor", () => {
  it.each(manifest.cases)('$picture, $config', async ({ picture, config, rows, columns, tiles, stride, expected }) => {
    const parameters = manifest.configs[config];
    if (parameters === undefined) throw new Error(`manifest.json has no config ${config}`);
    const preprocessing: ImagePreprocessing = { kind: 'idefics3', ...parameters, mean: manifest.mean, std: manifest.std };

    const prepared = await prepareImage(fixture(`pictures/${picture}`), preprocessing);
    expect({ rows: prepared.rows, columns: prepared.columns, tiles: prepared.tiles.length }).toEqual({ rows, columns, tiles });

    const reference = await decodeImage(fixture(`expected/${expected}`));
    const side = Math.ceil(parameters.tileSize / stride);
    expect([reference.width, reference.height]).toEqual([side, side * tiles]);
    const ours = prepared.tiles.map((tile) => everyNth(tile, stride));
    const difference = meanAbsoluteDifference(normalise(ours), normalise(unstack(reference, side)));
    expect(difference).toBeLessThan(boundOf(picture));
  });
});

/** By the engine's own normalisation, in patches of one pixel. */
function normalise(tiles: readonly ImageTile[]): Float32Array {
  const { mean, std } = manifest;
  const parts = tiles.map((tile) =>
    tileToPatches(tile, { imageSize: tile.width, patchSize: 1, grid: tile.width, patchValues: 3, mean, std }),
  );
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function meanAbsoluteDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? NaN)), 0) / a.length;
}

function everyNth({ width, height, rgb }: ImageTile, stride: number): ImageTile {
  const kept: number[] = [];
  for (let y = 0; y < height; y += stride) {
    for (let x = 0; x < width; x += stride) kept.push(...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3));
  }
  return { width: Math.ceil(width / stride), height: Math.ceil(height / stride), rgb: Uint8Array.from(kept) };
}

/** The tiles of a picture that holds them one below the other. */
function unstack({ width, height, rgb }: ImageTile, side: number): ImageTile[] {
  return Array.from({ length: height / side }, (_, tile) => ({
    width,
    height: side,
    rgb: rgb.subarray(tile * side * width * 3, (tile + 1) * side * width * 3),
  }));
}
