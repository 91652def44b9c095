import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { EdgeVlmError } from '../core/errors.js';
import { Quarantine } from './quarantine.js';
import { QuarantineFile } from './quarantine-file.js';

const hash = (index: number): string => index.toString(16).padStart(64, '0');
const failures: EdgeVlmError[] = [];
const at = (path: string): QuarantineFile => new QuarantineFile(path, (error) => failures.push(error));

it('pictures that were put away are known to the next server, suspects are not', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'edgevlm-quarantine-')), 'home');
  const path = join(folder, 'quarantine.json');
  const before = new Quarantine(await at(path).read(), at(path));
  before.strike([hash(1), hash(2)]);
  before.strike([hash(1)]);
  await before.saved();
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ version: 1, pictures: [hash(1)] });
  expect(await readdir(folder)).toEqual(['quarantine.json']);
  const after = new Quarantine(await at(path).read(), at(path));
  expect(() => {
    after.check([hash(1)]);
  }).toThrow(expect.objectContaining({ code: 'PICTURE_QUARANTINED' }) as Error);
  expect([after.size, after.isSuspect([hash(2)])]).toEqual([1, false]);
  await at(path).forget();
  expect(await at(path).read()).toEqual([]);
});

it('the file stays small, and the newest are kept', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'edgevlm-quarantine-')), 'quarantine.json');
  const file = at(path);
  file.write(Array.from({ length: 5000 }, (_, index) => hash(index)));
  await file.written();
  const kept = await file.read();
  expect([kept.length, kept.at(-1)]).toEqual([1000, hash(4999)]);
});

it.each(['', '{}', '[]', '{"version":1,"pictures":["picture.png"]}', 'x'.repeat(300_000)])(
  'a file that holds something else is told of: %.20s',
  async (text) => {
    const path = join(await mkdtemp(join(tmpdir(), 'edgevlm-quarantine-')), 'quarantine.json');
    await writeFile(path, text);
    await expect(at(path).read()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  },
);

it('a place that cannot be written is told of and ends nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edgevlm-quarantine-'));
  await writeFile(join(folder, 'file'), '');
  const quarantine = new Quarantine([], at(join(folder, 'file', 'quarantine.json')));
  quarantine.strike([hash(1)]);
  quarantine.strike([hash(1)]);
  await quarantine.saved();
  expect(failures.map(({ code }) => code)).toEqual(['FILE_UNWRITABLE']);
  expect(quarantine.size).toBe(1);
});
