import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findVlmPictures } from './find-vlm-pictures.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'vlm-pictures-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (name: string, level: number): Promise<void> => {
  const pixels = { create: { width: 8, height: 8, channels: 3, background: { r: level, g: 0, b: 0 } } } as const;
  await writeFile(path.join(folder, name), await sharp(pixels).png().toBuffer());
};
const find = (samples = 3, warmup = 1) => findVlmPictures({ imageDir: folder, samples, warmup, signal: new AbortController().signal });

it('takes the first pictures that can be decoded, and the next ones to warm up', async () => {
  for (const [level, name] of ['a.png', 'c.png', 'd.png', 'e.png', 'f.png'].entries()) await write(name, 40 * level);
  await writeFile(path.join(folder, 'b.png'), 'no picture');
  await writeFile(path.join(folder, 'notes.txt'), 'nor this');
  const { pictures, warmup, unreadable, nameOf } = await find();
  expect(pictures.map(({ index }) => nameOf(index))).toEqual(['a.png', 'c.png', 'd.png']);
  expect(warmup.map(({ index }) => nameOf(index))).toEqual(['e.png']);
  expect(unreadable).toMatchObject([{ status: 'skipped', index: 1, error: { code: 'IMAGE_UNSUPPORTED' } }]);
  const [first] = pictures;
  expect((await first?.read())?.subarray(1, 4)).toEqual(new Uint8Array(Buffer.from('PNG')));
});

it('warms up with what counts where there is nothing else', async () => {
  await write('a.png', 0);
  const { pictures, warmup } = await find(5, 2);
  expect([pictures.length, warmup.map(({ index }) => index)]).toEqual([1, [0, 0]]);
});

it('knows a set of pictures by what is in them and what is true of them', async () => {
  await write('a.png', 0);
  const plain = (await find()).sha256;
  expect((await find()).sha256).toBe(plain);
  const truth = { file: 'a.png', caption: 'dark.', variants: ['black.'] };
  await writeFile(path.join(folder, 'truths.jsonl'), `${JSON.stringify(truth)}\n\n${JSON.stringify({ ...truth, file: 'gone.png' })}\n`);
  const { pictures, sha256 } = await find();
  expect(pictures[0]?.truth).toEqual({ captions: ['dark.', 'black.'], objects: null });
  expect(sha256).not.toBe(plain);
  await write('a.png', 9);
  expect((await find()).sha256).not.toBe(sha256);
});

it.each([
  ['what is not JSON', '{', /line 1 is not JSON/],
  ['what is no truth', '{"file":"a.png"}', /line 1 is not a truth/],
  ['a way out of the folder', '{"file":"images/../../a.png","caption":"x"}', /outside of the folder/],
])('refuses truths with %s', async (_, line, message) => {
  await write('a.png', 0);
  await writeFile(path.join(folder, 'truths.jsonl'), line);
  await expect(find()).rejects.toThrow(message);
});

it('says what is wrong with a folder', async () => {
  await expect(find()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await writeFile(path.join(folder, 'b.png'), 'no picture');
  await expect(find()).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
  await mkdir(path.join(folder, 'other'));
  await writeFile(path.join(folder, 'truths.jsonl'), '{"file":"gone.png","caption":"x"}');
  await expect(find()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
