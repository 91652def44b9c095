import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';

/** A sound picture that cases are made from. */
export interface SeedImage {
  readonly name: string;
  readonly bytes: Buffer;
}

const PICTURES = fileURLToPath(new URL('../../fixtures/vision/pictures', import.meta.url));
const WIDTH = 64;
const HEIGHT = 48;
const PIXELS = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7 + Math.floor(i / 192) * 31) % 256);

/** Ways to store a picture that the fixtures do not have. */
const ENCODINGS: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  'progressive.jpg': (picture) => picture.jpeg({ progressive: true }),
  'profile.jpg': (picture) =>
    picture
      .withIccProfile('p3')
      .withExif({ IFD0: { Copyright: 'nobody' } })
      .jpeg(),
  'interlaced.png': (picture) => picture.png({ progressive: true }),
  'profile.png': (picture) =>
    picture
      .withIccProfile('p3')
      .withExif({ IFD0: { Copyright: 'nobody' } })
      .png(),
  'lzw.tif': (picture) => picture.tiff({ compression: 'lzw', predictor: 'horizontal' }),
  'deflate-tiles.tif': (picture) => picture.tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }),
  'jpeg.tif': (picture) => picture.tiff({ compression: 'jpeg' }),
  'packbits.tif': (picture) => picture.tiff({ compression: 'packbits' }),
  'float.tif': (picture) => picture.toColourspace('scrgb').tiff(),
  'pyramid.tif': (picture) => picture.tiff({ pyramid: true, tile: true, tileWidth: 16, tileHeight: 16, compression: 'lzw' }),
  'lossless.webp': (picture) => picture.webp({ lossless: true }),
  'interlaced.gif': (picture) => picture.gif({ progressive: true }),
  'lossless.avif': (picture) => picture.avif({ lossless: true, effort: 0 }),
};

/** Pictures of every format the intake reads. */
export async function seedImages(): Promise<SeedImage[]> {
  const seeds: SeedImage[] = [];
  for (const name of (await readdir(PICTURES)).sort()) seeds.push({ name, bytes: await readFile(join(PICTURES, name)) });
  for (const [name, encode] of Object.entries(ENCODINGS)) {
    const picture = sharp(PIXELS, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
    seeds.push({ name, bytes: await encode(picture).toBuffer() });
  }
  return seeds;
}
