import { describe, expect, it } from 'vitest';
import { generateScene, type Scene } from '../generate-scene.js';
import { Random } from '../random.js';
import { nameMargin } from '../rgb.js';
import { COLOURS, OBJECT_SHAPES, POSITIONS, SIZES, SPLITS, type Rgb } from '../vocabulary.js';
import { drawRichScene, NAME_MARGIN } from './draw-rich-scene.js';

const SIDE = 128;
const scenes = Array.from({ length: 500 }, (_, index) => generateScene({ split: 'test', seed: 5, index, style: 'rich' }));
const drawings = Array.from({ length: 500 }, (_, index) => drawRichScene(`test:${index}`, SIDE, 4));

const mean = (pixels: Uint8Array, at: readonly number[]): Rgb => {
  const channel = (offset: number): number => at.reduce((sum, pixel) => sum + (pixels[pixel + offset] ?? NaN), 0) / at.length;
  return [channel(0), channel(1), channel(2)];
};

const isGrey = ({ pixels }: Pick<Scene, 'pixels'>): boolean => pixels.every((level, at) => level === pixels[at - (at % 3)]);

describe('drawRichScene', () => {
  it('keeps every colour true to its name, whatever the finish', () => {
    let tested = 0;
    for (const { raster, objects, interiors } of drawings) {
      objects.forEach(({ colour }, index) => {
        const interior = interiors[index] ?? [];
        // At 128 pixels every object has an inside.
        expect(interior.length).toBeGreaterThan(8);
        if (colour === undefined) return;
        tested++;
        expect(nameMargin(mean(raster.pixels, interior), colour)).toBeGreaterThanOrEqual(NAME_MARGIN);
      });
    }
    expect(tested).toBeGreaterThan(500);
  });

  it('shows every object against the ground around it', () => {
    for (const { raster, objects, interiors } of drawings) {
      objects.forEach(({ box: [left, top, right, bottom] }, index) => {
        const ring: number[] = [];
        for (let y = Math.max(0, top - 4); y < Math.min(SIDE, bottom + 4); y++) {
          for (let x = Math.max(0, left - 4); x < Math.min(SIDE, right + 4); x++) {
            const covered = objects.some(({ box }) => x >= box[0] - 2 && x < box[2] + 2 && y >= box[1] - 2 && y < box[3] + 2);
            if (!covered) ring.push(3 * (y * SIDE + x));
          }
        }
        const [a, b] = [mean(raster.pixels, interiors[index] ?? []), mean(raster.pixels, ring)];
        expect(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])).toBeGreaterThan(50);
      });
    }
  });

  it('lets no object overlap another or leave its third of the picture', () => {
    for (const { truth } of scenes) {
      for (const [index, { box, position }] of truth.objects.entries()) {
        const cell = POSITIONS.indexOf(position);
        const [column, row] = [cell % 3, Math.floor(cell / 3)];
        expect(box[0]).toBeGreaterThanOrEqual((column * SIDE) / 3 - 1);
        expect(box[1]).toBeGreaterThanOrEqual((row * SIDE) / 3 - 1);
        expect(box[2]).toBeLessThanOrEqual(((column + 1) * SIDE) / 3 + 1);
        expect(box[3]).toBeLessThanOrEqual(((row + 1) * SIDE) / 3 + 1);
        for (const { box: other } of truth.objects.slice(index + 1)) {
          expect(box[2] <= other[0] || other[2] <= box[0] || box[3] <= other[1] || other[3] <= box[1]).toBe(true);
        }
      }
    }
  });

  it('is without colour exactly where the truth says so', () => {
    for (const scene of scenes) {
      expect(isGrey(scene)).toBe(scene.truth.greyscale);
      for (const { colour } of scene.truth.objects) expect(colour === undefined).toBe(scene.truth.greyscale);
    }
    expect(scenes.filter(({ truth }) => truth.greyscale).length / scenes.length).toBeCloseTo(0.15, 1);
  });

  it('uses every word and every digit, and one to four objects', () => {
    const objects = scenes.flatMap(({ truth }) => truth.objects);
    const seen = new Set(objects.flatMap(({ shape, digit, colour, size, position }) => [shape, digit, colour, size, position]));
    expect(seen).toEqual(new Set([undefined, ...OBJECT_SHAPES, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...COLOURS, ...SIZES, ...POSITIONS]));
    expect(new Set(scenes.map(({ truth }) => truth.objects.length))).toEqual(new Set([1, 2, 3, 4]));
    for (const { shape, digit } of objects) expect(shape === 'digit').toBe(digit !== undefined);
  });

  it('gives the same bytes for the same options, and other pictures for every split, seed, index and style', () => {
    const all = SPLITS.flatMap((split) =>
      [0, 1].flatMap((seed) =>
        Array.from({ length: 20 }, (_, index) => [
          generateScene({ split, seed, index, style: 'rich', side: 32, maxObjects: 1 }),
          generateScene({ split, seed, index, style: 'plain', side: 32, maxObjects: 1 }),
        ]).flat(),
      ),
    );
    expect(new Set(all.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).size).toBe(all.length);
    const options = { split: 'test', seed: 5, index: 7, style: 'rich' } as const;
    expect(generateScene(options)).toEqual(scenes[7]);
  });

  it('draws nine objects, and pictures of any side', () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      generateScene({ split: 'train', seed: 0, index, style: 'rich', maxObjects: 9, side: 50 }),
    );
    expect(Math.max(...many.map(({ truth }) => truth.objects.length))).toBe(9);
    const { side, pixels } = generateScene({ split: 'train', seed: 0, index: Random.of('any').below(1000), style: 'rich', side: 333 });
    expect(pixels).toHaveLength(side * side * 3);
  });
});
