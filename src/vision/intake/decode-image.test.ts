import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from './decode-image.js';
import { DEFAULT_IMAGE_LIMITS } from './image-limits.js';
import { sharp } from './safe-sharp.js';

/** 64 × 48 pixels of which no two rows or columns are equal. */
const WIDTH = 64;
const HEIGHT = 48;
const PIXELS = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7 + Math.floor(i / 192) * 31) % 256);
const picture = () => sharp(PIXELS, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

let folder: string;
let png: Buffer;
let jpeg: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgevlm-vision-'));
  png = await picture().png().toBuffer();
  jpeg = await picture().jpeg({ quality: 95 }).toBuffer();
});
afterAll(() => rm(folder, { recursive: true }));

describe('pixels', () => {
  it('are exact for a lossless picture, from bytes and from a file', async () => {
    const path = join(folder, 'picture.png');
    await writeFile(path, png);
    for (const source of [png, path]) {
      const { width, height, rgb } = await decodeImage(source);
      expect([width, height]).toEqual([WIDTH, HEIGHT]);
      expect(Buffer.compare(rgb, PIXELS)).toBe(0);
    }
  });

  it('are turned upright by the EXIF orientation', async () => {
    const turned = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    const { width, height, rgb } = await decodeImage(turned);
    expect([width, height]).toEqual([HEIGHT, WIDTH]);
    // Orientation 6: the stored bottom-left pixel is shown at the top left.
    expect([...rgb.subarray(0, 3)]).toEqual([...PIXELS.subarray((HEIGHT - 1) * WIDTH * 3).subarray(0, 3)]);
  });

  it('show white through what is transparent', async () => {
    const half = await sharp(Uint8Array.of(200, 0, 0, 0, 200, 0, 0, 255, 200, 0, 0, 128), { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    const { rgb } = await decodeImage(half);
    expect([...rgb.subarray(0, 6)]).toEqual([255, 255, 255, 200, 0, 0]);
    expect(Math.abs((rgb[7] ?? 0) - 127)).toBeLessThanOrEqual(1);
  });

  it('are those of the sRGB picture when it is stored with a wide-gamut profile', async () => {
    const flat = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 180, g: 90, b: 60 } } });
    const { rgb } = await decodeImage(await flat.withIccProfile('p3').png().toBuffer());
    [180, 90, 60].forEach((level, channel) => {
      expect(Math.abs((rgb[channel] ?? 0) - level)).toBeLessThanOrEqual(2);
    });
  });
});

describe('hash', () => {
  it('is that of the pixels, whatever the file', async () => {
    const webp = await picture().webp({ lossless: true }).toBuffer();
    expect((await decodeImage(webp)).hash).toBe((await decodeImage(png)).hash);
  });

  it('differs by one pixel, and by shape alone', async () => {
    const raw = (pixels: Uint8Array, width: number, height: number) =>
      sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
    const changed = PIXELS.with(100, (PIXELS[100] ?? 0) ^ 1);
    const hashes = await Promise.all(
      [png, await raw(changed, WIDTH, HEIGHT), await raw(PIXELS, HEIGHT, WIDTH)].map(async (bytes) => (await decodeImage(bytes)).hash),
    );
    expect(new Set(hashes).size).toBe(3);
  });
});

describe('refusals', () => {
  const refusal = (code: string) => expect.objectContaining({ name: 'EdgeVlmError', code }) as unknown;

  it.each([
    ['a text file', 'not a picture\n'],
    ['an empty file', ''],
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'],
    ['a PDF', '%PDF-1.7\n'],
  ])('%s is unsupported', async (_, text) => {
    await expect(decodeImage(Buffer.from(text))).rejects.toEqual(refusal('IMAGE_UNSUPPORTED'));
  });

  it('SVG stays closed even to sharp itself', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(sharp(svg).png().toBuffer()).rejects.toThrow(/unsupported/);
  });

  it.each([0.02, 0.5, 0.95])('a JPEG or PNG cut off at %d of its length is corrupt', async (part) => {
    for (const bytes of [jpeg, png]) {
      await expect(decodeImage(bytes.subarray(0, bytes.length * part))).rejects.toEqual(refusal('IMAGE_CORRUPT'));
    }
  });

  it('a picture over the byte limit is too large, as bytes and as a file', async () => {
    const path = join(folder, 'large.png');
    await writeFile(path, png);
    for (const source of [png, path]) {
      const decoding = decodeImage(source, { ...DEFAULT_IMAGE_LIMITS, maxBytes: png.length - 1 });
      await expect(decoding).rejects.toEqual(refusal('IMAGE_TOO_LARGE'));
    }
  });

  it('a picture over the pixel limit is too large, one on it is not', async () => {
    const limits = { ...DEFAULT_IMAGE_LIMITS, maxPixels: WIDTH * HEIGHT };
    expect((await decodeImage(png, limits)).width).toBe(WIDTH);
    await expect(decodeImage(png, { ...limits, maxPixels: WIDTH * HEIGHT - 1 })).rejects.toEqual(refusal('IMAGE_TOO_LARGE'));
  });

  it('a picture with an edge that no JPEG can have is too large, whatever its other edge', async () => {
    const line = (width: number) => sharp({ create: { width, height: 1, channels: 3, background: 'red' } });
    expect((await decodeImage(await line(65_535).png().toBuffer())).width).toBe(65_535);
    await expect(decodeImage(await line(65_536).png().toBuffer())).rejects.toEqual(refusal('IMAGE_TOO_LARGE'));
  });

  it('a missing file and a folder are told apart, and named', async () => {
    const missing = join(folder, 'missing.png');
    await expect(decodeImage(missing)).rejects.toEqual(refusal('FILE_NOT_FOUND'));
    await expect(decodeImage(missing)).rejects.toThrow(missing);
    await expect(decodeImage(folder)).rejects.toEqual(refusal('FILE_UNREADABLE'));
  });
});
