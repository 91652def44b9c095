import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rotatingFileSink } from './rotating-file-sink.js';

it('keeps the newest lines and never more than twice the limit', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'edgevlm-log-')), 'logs', 'edgevlm.log');
  const sink = rotatingFileSink(path, 100);
  for (let line = 0; line < 100; line++) sink(`line ${line}`);
  const [newest, older] = await Promise.all([readFile(path, 'utf8'), readFile(`${path}.1`, 'utf8')]);
  const lines = (older + newest).trimEnd().split('\n');
  expect(lines.at(-1)).toBe('line 99');
  expect(lines).toEqual(Array.from({ length: lines.length }, (_, index) => `line ${100 - lines.length + index}`));
  for (const file of [path, `${path}.1`]) expect((await stat(file)).size).toBeLessThanOrEqual(100);
});

it('goes on in a file that is there, and writes a line that is too long for any', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'edgevlm-log-')), 'edgevlm.log');
  rotatingFileSink(path, 100)('before');
  const sink = rotatingFileSink(path, 100);
  sink('after');
  expect(await readFile(path, 'utf8')).toBe('before\nafter\n');
  sink('x'.repeat(200));
  expect(await readFile(path, 'utf8')).toBe(`${'x'.repeat(200)}\n`);
});

it('says so when there is no place for a log', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'edgevlm-log-')), 'file');
  rotatingFileSink(file, 100)('a file, not a folder');
  expect(() => rotatingFileSink(join(file, 'edgevlm.log'), 100)).toThrow(expect.objectContaining({ code: 'FILE_UNWRITABLE' }));
});
