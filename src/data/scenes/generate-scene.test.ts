import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateScene, type Scene } from './generate-scene.js';
import type { SceneObject } from './truth.js';
import { COLOUR_JITTER, COLOUR_RGB, COLOURS, POSITIONS, SHAPES, SIZES, SPLITS } from './vocabulary.js';

const draw = (index: number, maxObjects = 1, side = 128): Scene => generateScene({ split: 'test', seed: 5, index, maxObjects, side });

/** How far a pixel is from a colour name, in the worst channel. */
function difference({ pixels, side }: Scene, x: number, y: number, colour: SceneObject['colour'] = 'black'): number {
  const at = (y * side + x) * 3;
  return Math.max(...COLOUR_RGB[colour].map((value, channel) => Math.abs(value - (pixels[at + channel] ?? NaN))));
}

const holds = ({ box }: SceneObject, x: number, y: number, margin: number): boolean =>
  x >= box[0] - margin && y >= box[1] - margin && x < box[2] + margin && y < box[3] + margin;

describe('generateScene', () => {
  it('gives the same bytes and truth for the same options', () => {
    expect(draw(3, 3)).toEqual(draw(3, 3));
  });

  it('still draws what the shipped model was trained on, to the byte', () => {
    const digest = (...scenes: Scene[]): string => {
      const hash = createHash('sha256');
      for (const { pixels, truth } of scenes) hash.update(pixels).update(JSON.stringify(truth));
      return hash.digest('hex');
    };
    // Taken before there were styles.
    expect([
      digest(generateScene({ split: 'train', seed: 0, index: 0 })),
      digest(generateScene({ split: 'test', seed: 5, index: 3, maxObjects: 3 })),
      digest(generateScene({ split: 'validation', seed: 7, index: 11, maxObjects: 9, side: 96 })),
      digest(generateScene({ split: 'train', seed: 1, index: 123456, side: 32, maxObjects: 4 })),
      digest(
        ...Array.from({ length: 500 }, (_, index) =>
          generateScene({ split: 'train', seed: 42, index, maxObjects: 1 + (index % 9), side: 64 }),
        ),
      ),
    ]).toEqual([
      '8dddc4c0dc890495eceff7aa42f01a4a938343e1274ab767ebb5c612accfac15',
      'e6061fd5d6695a1c2215353e4d3fe31e749d186af7d5711b113a2d55940f51e4',
      'd008be98bd1758a7b80e687e8bcc3e0ee426260540ae0bdbb225f26ba1718b1d',
      '5535637b6f5a2b68b764b47e073ba75538e74e22875ef45213e5306678967c6e',
      '781cda8587f52bc99e6664f0d1d62e881137e3bf597c2fb4afd6d6444bd0f016',
    ]);
  });

  it('gives another picture for every split, seed and index', () => {
    const pictures = SPLITS.flatMap((split) =>
      [0, 1].flatMap((seed) => Array.from({ length: 20 }, (_, index) => generateScene({ split, seed, index }))),
    );
    expect(new Set(pictures.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).size).toBe(pictures.length);
  });

  it('shows every object in its colour, inside its box and in its third of the picture, and its colour nowhere else', () => {
    for (let index = 0; index < 300; index++) {
      const scene = draw(index, 3);
      const { objects } = scene.truth;
      for (const object of objects) {
        const [left, top, right, bottom] = object.box;
        const cell = Math.floor(((top + bottom) / 2 / 128) * 3) * 3 + Math.floor(((left + right) / 2 / 128) * 3);
        expect(POSITIONS[cell]).toBe(object.position);
        let inside = 0;
        let nearest = 255;
        for (let y = 0; y < 128; y++) {
          for (let x = 0; x < 128; x++) {
            if (holds(object, x, y, 0)) inside += Number(difference(scene, x, y, object.colour) <= COLOUR_JITTER + 1);
            else if (!objects.some((other) => holds(other, x, y, 1))) nearest = Math.min(nearest, difference(scene, x, y, object.colour));
          }
        }
        expect(nearest).toBeGreaterThan(20);
        // The thinnest shape, a small moon, fills a fifth of its box once smoothed.
        expect(inside / ((right - left) * (bottom - top))).toBeGreaterThan(0.18);
      }
    }
  });

  it('draws sizes that do not overlap in extent', () => {
    const extents: Record<string, number[]> = { small: [], medium: [], large: [] };
    for (let index = 0; index < 600; index++) {
      for (const { size, shape, box } of draw(index, 1).truth.objects) {
        if (shape === 'circle' || shape === 'ring' || shape === 'cross' || shape === 'square') {
          extents[size]?.push(Math.max(box[2] - box[0], box[3] - box[1]));
        }
      }
    }
    expect(Math.max(...(extents['small'] ?? []))).toBeLessThan(Math.min(...(extents['medium'] ?? [])));
    expect(Math.max(...(extents['medium'] ?? []))).toBeLessThan(Math.min(...(extents['large'] ?? [])));
  });

  it('uses every word, and as many objects as allowed', () => {
    const objects = Array.from({ length: 200 }, (_, index) => draw(index, 3).truth.objects);
    const seen = new Set(objects.flat().flatMap(({ shape, colour, size, position }) => [shape, colour, size, position]));
    expect(seen).toEqual(new Set([...SHAPES, ...COLOURS, ...SIZES, ...POSITIONS]));
    expect(new Set(objects.map(({ length }) => length))).toEqual(new Set([1, 2, 3]));
  });

  it('scales with the side', () => {
    const { pixels, truth } = draw(0, 1, 512);
    expect(pixels).toHaveLength(512 * 512 * 3);
    const [left, , right] = truth.objects[0]?.box ?? [0, 0, 0, 0];
    const [smallLeft, , smallRight] = draw(0).truth.objects[0]?.box ?? [0, 0, 0, 0];
    expect(Math.abs((right - left) / 4 - (smallRight - smallLeft))).toBeLessThan(2);
    expect({ ...truth, objects: [] }).toEqual({ ...draw(0).truth, objects: [] });
  });

  it.each([{ seed: -1 }, { seed: 1.5 }, { index: Number.NaN }, { side: 8 }, { side: 1e9 }, { maxObjects: 0 }, { maxObjects: 10 }])(
    'refuses %o',
    (wrong) => {
      expect(() => generateScene({ split: 'train', seed: 0, index: 0, ...wrong })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});
