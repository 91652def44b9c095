import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Random } from '../scenes/random.js';
import { drawUltrasound } from './draw-ultrasound.js';
import { speckle } from './speckle.js';
import { writeUltrasound } from './write-ultrasound.js';

let out = '';
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), 'ultrasound-'));
});
afterEach(() => rm(out, { recursive: true, force: true }));

it('pictures are greyscale, of a plausible size, black outside of the sector and not inside', async () => {
  await writeUltrasound({ out, count: 2, seed: 1 });
  expect((await readdir(out)).sort()).toEqual(['000000.png', '000001.png', 'dummy.json']);
  for (const [index, name] of ['000000.png', '000001.png'].entries()) {
    const { data, info } = await sharp(path.join(out, name)).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
    expect((await sharp(path.join(out, name)).metadata()).space).toBe('b-w');
    expect(info.width).toBeGreaterThanOrEqual(640);
    expect(info.height).toBeGreaterThanOrEqual(480);
    const picture = drawUltrasound(1, index);
    expect([info.width, info.height]).toEqual([picture.width, picture.height]);
    expect(data.equals(picture.pixels)).toBe(true);
    const { width, height, pixels } = picture;
    const corner = pixels.subarray((height - 1) * width, (height - 1) * width + Math.floor(width / 8));
    expect(Math.max(...corner)).toBe(0);
    const [x, y] = [Math.floor(width / 2), Math.floor(0.9 * height)];
    const inside = Array.from({ length: 40 }, (_, at) => pixels[y * width + x - 20 + at] ?? 0);
    expect(new Set(inside).size).toBeGreaterThan(10);
  }
});

it('another seed draws other pictures', () => {
  const [one, other] = [drawUltrasound(1, 0), drawUltrasound(2, 0)];
  expect(Buffer.from(one.pixels).equals(other.pixels)).toBe(false);
});

it('speckle is Rayleigh distributed: its mean is 1.91 times its deviation', () => {
  const { values } = speckle(128, 256, { axial: 1, lateral: 1.5 }, Random.of('speckle'));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  expect(variance + mean ** 2).toBeCloseTo(1, 5);
  expect(mean / Math.sqrt(variance)).toBeCloseTo(Math.sqrt(Math.PI / (4 - Math.PI)), 1);
});

it('goes on where it was stopped, adds to a folder of the same seed, and overwrites nothing', async () => {
  const controller = new AbortController();
  const stopped = writeUltrasound({
    out,
    count: 3,
    seed: 0,
    signal: controller.signal,
    progress: () => {
      controller.abort();
    },
  });
  await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await writeUltrasound({ out, count: 2, seed: 0 })).toMatchObject({ written: 2, kept: 0 });
  const before = await stat(path.join(out, '000000.png'));
  await unlink(path.join(out, '000001.png'));
  expect(await writeUltrasound({ out, count: 3, seed: 0 })).toEqual({ written: 2, kept: 1 });
  expect((await stat(path.join(out, '000000.png'))).mtimeMs).toBe(before.mtimeMs);
  await expect(writeUltrasound({ out, count: 3, seed: 1 })).rejects.toMatchObject({ code: 'USAGE' });
});

it("does not touch a folder where somebody's picture has the name of one of ours", async () => {
  await writeFile(path.join(out, '000001.png'), 'mine');
  await expect(writeUltrasound({ out, count: 2, seed: 0 })).rejects.toMatchObject({ code: 'USAGE' });
  expect(await readdir(out)).toEqual(['000001.png']);
  expect(await readFile(path.join(out, '000001.png'), 'utf8')).toBe('mine');
});
