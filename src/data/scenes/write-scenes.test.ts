import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateScene } from './generate-scene.js';
import { renderScene } from './render-scene.js';
import { SceneTruth } from './truth.js';
import { writeScenes, type WriteScenesOptions } from './write-scenes.js';

let out = '';
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), 'scenes-'));
});
afterEach(() => rm(out, { recursive: true, force: true }));

const write = (options: Partial<WriteScenesOptions> = {}): Promise<string> =>
  writeScenes({ count: 40, seed: 3, split: 'train', side: 32, out, ...options });

const truths = async (): Promise<SceneTruth[]> =>
  (await readFile(path.join(out, 'truths.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => Value.Parse(SceneTruth, JSON.parse(line)));

describe('writeScenes', () => {
  it('writes lossless pictures and one truth a line', async () => {
    const progress: number[] = [];
    await write({ progress: (event) => progress.push(event.type === 'start' ? 0 : event.done) });
    expect(progress).toEqual([0, 32, 40, 40]);
    const lines = await truths();
    expect(lines).toHaveLength(40);
    for (const [index, truth] of lines.entries()) {
      const scene = generateScene({ seed: 3, split: 'train', side: 32, index });
      expect(truth).toEqual({ ...scene.truth, file: truth.file });
      const { data, info } = await sharp(path.join(out, truth.file)).raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, info.channels]).toEqual([32, 32, 3]);
      expect(new Uint8Array(data)).toEqual(scene.pixels);
    }
    expect((await readdir(out)).sort()).toEqual(['images', 'scenes.json', 'truths.jsonl']);
  });

  it('draws with the other renderer, in a folder of its own', async () => {
    await write({ count: 3, style: 'rich', renderer: 'svg' });
    for (const [index, truth] of (await truths()).entries()) {
      const scene = await renderScene({ seed: 3, split: 'train', side: 32, index, style: 'rich' }, 'svg');
      expect(truth).toEqual({ ...scene.truth, file: truth.file });
      expect(new Uint8Array(await sharp(path.join(out, truth.file)).raw().toBuffer())).toEqual(scene.pixels);
    }
    await expect(write({ count: 3, style: 'rich' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('writes the bytes it wrote before there were styles', async () => {
    expect(await write({ count: 8, seed: 2 })).toBe('c2fcf241fb83d69f171c6cd723c804924fc7cfba5b6014326f9dc0e7ec01052e');
    expect(JSON.parse(await readFile(path.join(out, 'scenes.json'), 'utf8'))).toEqual({ split: 'train', seed: 2, side: 32, maxObjects: 1 });
  });

  it('writes rich scenes, apart from plain ones', async () => {
    await write({ style: 'rich', count: 5 });
    for (const [index, truth] of (await truths()).entries()) {
      const scene = generateScene({ seed: 3, split: 'train', side: 32, index, style: 'rich' });
      expect(truth).toEqual({ ...scene.truth, file: truth.file });
      expect(new Uint8Array(await sharp(path.join(out, truth.file)).raw().toBuffer())).toEqual(scene.pixels);
    }
    await expect(write({ count: 5, maxObjects: 4 })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('goes on where it was stopped, redrawing only what is missing', async () => {
    const controller = new AbortController();
    const stopped = write({
      signal: controller.signal,
      progress: ({ type }) => {
        if (type === 'advance') controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(stat(path.join(out, 'truths.jsonl'))).rejects.toMatchObject({ code: 'ENOENT' });
    const first = path.join(out, 'images', '000000.png');
    const before = await stat(first);
    await unlink(path.join(out, 'images', '000001.png'));
    const resumed = await write();
    expect((await stat(first)).mtimeMs).toBe(before.mtimeMs);
    expect(await readdir(path.join(out, 'images'))).toHaveLength(40);
    await rm(out, { recursive: true });
    expect(await write()).toBe(resumed);
  });

  it('refuses a folder that holds other scenes', async () => {
    await write();
    await expect(write({ seed: 4 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(write({ count: 41 })).resolves.toMatch(/^[0-9a-f]{64}$/);
    expect(await truths()).toHaveLength(41);
  });

  it('names what is wrong', async () => {
    await expect(write({ count: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(write({ side: 4 })).rejects.toMatchObject({ code: 'USAGE' });
    const file = path.join(out, 'file');
    await writeFile(file, '');
    await expect(write({ out: file })).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  });
});
