import { readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import { decodeImage } from '../../src/vision/intake/decode-image.js';

const LIMITS = { maxBytes: 1_000_000, maxPixels: 1_000_000, maxSeconds: 10 };
/** A fixed seed: a crash of a native decoder would leave no seed to repeat. */
const RUNS = { seed: 2, numRuns: 150 };
const SEEDS = ['small.png', 'palette-transparent.png', 'large.jpg', 'cmyk.jpg', 'animated.gif', 'alpha.webp', 'cmyk.tif', 'picture.avif'];

/** Either decodes to what it says or fails with one of our codes; anything else, a crash included, fails the test. */
async function expectPictureOrCodedError(bytes: Uint8Array): Promise<void> {
  try {
    const { width, height, rgb } = await decodeImage(bytes, LIMITS);
    expect(rgb.length).toBe(width * height * 3);
    expect(width * height).toBeLessThanOrEqual(LIMITS.maxPixels);
  } catch (error) {
    if (!(error instanceof EdgeVlmError)) throw error;
    expect(['IMAGE_UNSUPPORTED', 'IMAGE_CORRUPT', 'IMAGE_TOO_LARGE']).toContain(error.code);
  }
}

describe('hostile bytes', () => {
  it('random bytes, with and without the head of a picture, never crash', async () => {
    const heads = SEEDS.map((name) => readFixture(name).subarray(0, 32)).concat(new Uint8Array());
    const bytes = fc.tuple(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 400 }));
    await fc.assert(
      fc.asyncProperty(bytes, async ([head, tail]) => expectPictureOrCodedError(Buffer.concat([head, tail]))),
      RUNS,
    );
  });

  it.each(SEEDS)('%s with bytes changed, mostly near its head, never crashes', async (name) => {
    const original = readFixture(name);
    const anywhere = fc.nat(original.length - 1);
    const changes = fc.array(fc.tuple(fc.oneof(fc.nat(99), anywhere), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, fc.option(anywhere), async (changes, length) => {
        const bytes = Uint8Array.from(original);
        for (const [position, value] of changes) bytes[position % bytes.length] = value;
        await expectPictureOrCodedError(bytes.subarray(0, length ?? bytes.length));
      }),
      RUNS,
    );
  });

  it('a PNG of 2.5 gigapixels in a few kilobytes is refused by its header, without the memory', async () => {
    const bomb = onebitPng(50_000, 50_000, 100);
    expect(bomb.length).toBeLessThan(5_000);
    const before = process.memoryUsage().rss;
    await expect(decodeImage(bomb)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });
});

function readFixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/vision/pictures/${name}`, import.meta.url));
}

/** A greyscale PNG of one bit a pixel, of whose rows only the first are there. */
function onebitPng(width: number, height: number, rows: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    framed.set(body, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  const pixels = deflateSync(new Uint8Array(rows * (1 + Math.ceil(width / 8))), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
