import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copySample, type CopySampleOptions } from './copy-sample.js';

let home = '';
let from = '';
let out = '';
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'copies-'));
  [from, out] = [path.join(home, 'from'), path.join(home, 'out')];
  await mkdir(path.join(from, 'ward', 'deep'), { recursive: true });
  for (const name of ['a.PNG', 'b.jpg', 'ward/a.png', 'ward/deep/Müller, Anna.jpeg', 'ward/c.webp', 'notes.txt', '.hidden.png']) {
    await writeFile(path.join(from, name), `contents of ${name}`);
  }
});
afterEach(() => rm(home, { recursive: true }));

const copy = (options: Partial<CopySampleOptions> = {}) => copySample({ from, out, count: 3, seed: 0, ...options });
const contents = async (): Promise<string[]> => {
  const names = (await readdir(out)).filter((name) => /^\d/.test(name)).sort();
  return Promise.all(names.map((name) => readFile(path.join(out, name), 'utf8')));
};

describe('a random sample', () => {
  it('is of all pictures in the folder and those inside it, each once, under names that say nothing', async () => {
    expect(await copy({ count: 5 })).toEqual({ written: 5, kept: 0, available: 5, truths: false });
    expect((await contents()).sort()).toEqual(
      ['a.PNG', 'b.jpg', 'ward/a.png', 'ward/c.webp', 'ward/deep/Müller, Anna.jpeg'].map((name) => `contents of ${name}`),
    );
    const names = await readdir(out);
    for (const name of names) expect(name).toMatch(/^(\d{6}\.(png|jpe?g|webp)|sample\.json)$/);
    expect(await readFile(path.join(out, 'sample.json'), 'utf8')).not.toContain('Anna');
  });

  it('is decided by its seed, and a larger one begins with the smaller one', async () => {
    const samples = await Promise.all(
      Array.from({ length: 12 }, async (_, seed) => {
        const folder = path.join(home, `seed-${seed}`);
        await copy({ seed, out: folder, count: 2 });
        return (await readdir(folder))
          .filter((name) => /^\d/.test(name))
          .sort()
          .map((name) => path.join(folder, name));
      }),
    );
    const first = await Promise.all(samples.map(async ([file = '']) => readFile(file, 'utf8')));
    expect(new Set(first).size).toBeGreaterThan(2);
    await copy({ count: 2 });
    const smaller = await contents();
    expect(await copy({ count: 4 })).toMatchObject({ written: 2, kept: 2 });
    expect((await contents()).slice(0, 2)).toEqual(smaller);
  });

  it('is everything where there is no more, and an error where there is nothing', async () => {
    expect(await copy({ count: 50 })).toMatchObject({ written: 5, available: 5 });
    await mkdir(path.join(home, 'empty'));
    await expect(copy({ from: path.join(home, 'empty'), out: path.join(home, 'x') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(copy({ from: path.join(home, 'nowhere') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('does not choose its own copies, nor follow links to folders', async () => {
    const inside = path.join(from, 'sample');
    await symlink('..', path.join(from, 'ward', 'up'));
    await symlink('nowhere', path.join(from, 'dead.png'));
    await copy({ out: inside, count: 5 });
    expect(await copy({ out: inside, count: 5 })).toEqual({ written: 0, kept: 5, available: 5, truths: false });
  });

  it('brings what is true of its pictures along', async () => {
    const truths = ['b.jpg', 'ward/a.png', 'gone.png'].map((file) => JSON.stringify({ file, caption: `of ${file}` }));
    await writeFile(path.join(from, 'truths.jsonl'), `${truths.join('\n')}\n`);
    expect(await copy({ count: 5 })).toMatchObject({ truths: true });
    const lines = (await readFile(path.join(out, 'truths.jsonl'), 'utf8')).trimEnd().split('\n');
    const copied = lines.map((line) => JSON.parse(line) as { file: string; caption: string });
    expect(copied).toHaveLength(2);
    for (const { file, caption } of copied) {
      expect(`contents ${caption}`).toBe(await readFile(path.join(out, file), 'utf8'));
    }
    await writeFile(path.join(from, 'truths.jsonl'), '{"caption": 1}\n');
    await expect(copy({ count: 5, out: path.join(home, 'other') })).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

describe('a folder that is not empty', () => {
  it('keeps its files, whatever they are called', async () => {
    await mkdir(out);
    await writeFile(path.join(out, '000000.png'), 'mine');
    await writeFile(path.join(out, '000000.jpg'), 'mine');
    await writeFile(path.join(out, '000000.jpeg'), 'mine');
    await writeFile(path.join(out, '000000.webp'), 'mine');
    await expect(copy()).rejects.toMatchObject({ code: 'USAGE' });
    expect(new Set(await contents())).toEqual(new Set(['mine']));
    expect(await readdir(out)).toHaveLength(4);
  });

  it('is refused when it holds another sample, or a copy that was changed', async () => {
    await copy();
    await expect(copy({ seed: 1 })).rejects.toMatchObject({ code: 'USAGE' });
    const [name = ''] = (await readdir(out)).filter((one) => one.startsWith('000000'));
    await writeFile(path.join(out, name), 'changed');
    await expect(copy()).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('is completed after an interruption', async () => {
    const controller = new AbortController();
    await expect(
      copy({
        signal: controller.signal,
        progress: ({ type }) => {
          if (type === 'advance') controller.abort();
        },
      }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await contents()).toHaveLength(1);
    await writeFile(path.join(out, '.000001.png.part'), 'half');
    expect(await copy()).toMatchObject({ written: 2, kept: 1 });
    expect(await contents()).toHaveLength(3);
  });
});
