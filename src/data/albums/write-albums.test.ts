import { mkdtemp, readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlbumTruth } from './album-truth.js';
import { generateAlbum } from './generate-album.js';
import { writeAlbums, type WriteAlbumsOptions } from './write-albums.js';

let out = '';
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), 'albums-'));
});
afterEach(() => rm(out, { recursive: true, force: true }));

const write = (options: Partial<WriteAlbumsOptions> = {}): Promise<string> =>
  writeAlbums({ count: 4, seed: 3, split: 'train', side: 32, pictures: 12, out, ...options });

describe('writeAlbums', () => {
  it('writes one album a line, and its pictures under their numbers', async () => {
    const done: number[] = [];
    await write({ progress: (event) => done.push(event.type === 'start' ? 0 : event.done) });
    expect(done).toEqual([0, 24, 48, 48]);
    const lines = (await readFile(path.join(out, 'album.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const [index, line] of lines.entries()) {
      const album = Value.Parse(AlbumTruth, JSON.parse(line));
      const { truth, rasters } = generateAlbum({ split: 'train', seed: 3, index, side: 32, pictures: 12 });
      expect(album.pictures.map(({ file }) => file)).toEqual(
        rasters.map((_, at) => `images/00000${index}-${String(at + 1).padStart(2, '0')}.png`),
      );
      expect({ ...album, pictures: album.pictures.map((picture) => ({ ...picture, file: '' })) }).toEqual(truth);
      for (const [at, { file }] of album.pictures.entries()) {
        expect(new Uint8Array(await sharp(path.join(out, file)).raw().toBuffer())).toEqual(rasters[at]?.pixels);
      }
    }
  });

  it('goes on where it was stopped, and leaves no half file', async () => {
    const controller = new AbortController();
    const stopped = write({
      signal: controller.signal,
      progress: ({ type }) => {
        if (type === 'advance') controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(out)).not.toContain('album.jsonl');
    const first = path.join(out, 'images', '000000-01.png');
    const before = await stat(first);
    await unlink(path.join(out, 'images', '000000-02.png'));
    const resumed = await write();
    expect((await stat(first)).mtimeMs).toBe(before.mtimeMs);
    expect((await readdir(path.join(out, 'images'))).filter((name) => name.endsWith('.png'))).toHaveLength(48);
    expect((await readdir(out)).sort()).toEqual(['album.jsonl', 'albums.json', 'images']);
    await rm(out, { recursive: true });
    expect(await write()).toBe(resumed);
  });

  it('refuses a folder of other albums, and no albums', async () => {
    await write({ count: 1 });
    await expect(write({ pictures: 13 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(write({ count: 0 })).rejects.toMatchObject({ code: 'USAGE' });
  });
});
