import { Random } from '../../../src/data/scenes/random.js';
import { damageBytes } from '../damage-bytes.js';
import { IMAGE_BOMBS } from './image-bombs.js';
import { changeNumber, mutateImage } from './mutate-image.js';
import type { SeedImage } from './seed-images.js';

/** A picture that somebody means harm with. */
export interface HostileImage {
  /** What it was made from and what was done to it, in words. */
  readonly what: string;
  readonly bytes: Buffer;
}

/** Not pictures, or of a kind that stays closed, some under another's head. */
const OTHERS = [
  ...['', 'x', 'BM\x36\0\0\0', '%PDF-1.7\n', 'GIF89a', 'II*\0', 'MM\0*\0\0\0\x08', 'RIFF\0\0\0\0WEBP', '\xff\xd8\xff', '\x89PNG\r\n\x1a\n'],
  ...['<svg xmlns="http://www.w3.org/2000/svg"/>', '\x89PNG\r\n\x1a\n<svg xmlns="http://www.w3.org/2000/svg"/>', 'P6\n9 9\n255\n'],
  ...[
    '\0\0\0\x20ftypheic\0\0\0\0',
    '\0\0\0\x20ftypavif\0\0\0\0mif1avif',
    'SIMPLE  =',
    '#?RADIANCE\n',
    '\x76\x2f\x31\x01',
    'II+\0\x08\0\0\0',
  ],
];

/** The case of a number: always the same for the same campaign, index and seeds. The first ones are the bombs. */
export function hostileImage(seeds: readonly SeedImage[], campaign: number, index: number): HostileImage {
  const bomb = Object.entries(IMAGE_BOMBS)[index];
  if (bomb !== undefined) return { what: bomb[0], bytes: bomb[1](seeds) };

  const random = Random.of(`hostile image ${campaign} ${index}`);
  if (random.below(40) === 0) {
    const text = random.pick(OTHERS);
    return {
      what: JSON.stringify(text),
      bytes: Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(random.below(300), random.below(256))]),
    };
  }
  const seed = random.pick(seeds);
  let { bytes } = seed;
  const done: string[] = [];
  for (let left = random.pick([1, 1, 2, 3]); left > 0 && bytes.length > 64; left--) {
    const kind = random.below(4);
    // Only of a sound file is it known where its parts are.
    const formatted = kind < 2 && done.length === 0 ? mutateImage(bytes, random) : undefined;
    const next = formatted ?? (kind === 2 ? changeNumber(bytes, random) : damageBytes(bytes, Math.min(bytes.length, 256), random));
    bytes = next.bytes;
    done.push(next.what);
  }
  return { what: `${seed.name}: ${done.join('; ')}`, bytes };
}
