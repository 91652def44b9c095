import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { knownHashes, rememberHashes, sha256File } from './sha256-file.js';

/** Of `abc`: FIPS 180-4. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'edgevlm-hash-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function oldFile(name: string, content: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  const anHourAgo = new Date(Date.now() - 3_600_000);
  await utimes(file, anHourAgo, anHourAgo);
  return file;
}
const keyOf = (file: string): string | undefined => [...knownHashes().keys()].find((key) => key.startsWith(`${file}\0`));

test('a file that has not changed is not read again, one that has is', async () => {
  const file = await oldFile('a', 'abc');
  expect(await sha256File(file)).toBe(ABC);
  // Whoever is told another hash gives that: nothing is read.
  rememberHashes(new Map([[keyOf(file) ?? '', 'told']]));
  expect(await sha256File(file)).toBe('told');
  await oldFile('a', 'abd');
  expect(await sha256File(file)).not.toBe('told');
});

test('of a file that has just been written nothing is kept: it may be changed within the same moment', async () => {
  const file = path.join(folder, 'b');
  await writeFile(file, 'abc');
  expect(await sha256File(file)).toBe(ABC);
  expect(keyOf(file)).toBeUndefined();
});

test('a file that is not there, or that nobody waits for, is an error', async () => {
  await expect(sha256File(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  await expect(sha256File(await oldFile('c', ''), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
});
