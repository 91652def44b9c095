import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isProcessAlive } from '../../src/core/is-process-alive.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgevlm-plan-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const PATIENT_MS = 30_000;
const start = (hows: readonly string[], timeout_ms = PATIENT_MS): ChildProcess =>
  spawn(process.execPath, [fileURLToPath(new URL('children/trial-plan.ts', import.meta.url)), directory, String(timeout_ms), ...hows], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
const finish = async (child: ChildProcess): Promise<string[]> => {
  const [output] = await Promise.all([child.stdout === null ? '' : text(child.stdout), once(child, 'exit')]);
  return output.trimEnd().split('\n');
};
/** What cells began, each with the process it had. */
const begun = async (): Promise<{ pid: number; how: string }[]> =>
  (await readFile(join(directory, 'log'), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ pid: Number(line.split(' ')[0]), how: line.split(' ')[1] ?? '' }));
const records = async (): Promise<string[]> => (await readdir(join(directory, 'runs'))).filter((name) => name.endsWith('.json'));

it('how a process dies is the status of its cell, and the plan goes on', async () => {
  expect(await finish(start(['a', 'exhausted', 'missing', 'killed', 'crashed', 'aborted', 'left', 'b']))).toEqual([
    'a ok',
    'exhausted oom',
    'missing load_error',
    'killed oom',
    'crashed crashed',
    'aborted crashed',
    'left crashed',
    'b ok',
  ]);
  const pids = (await begun()).map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(8);
  expect(pids.filter(isProcessAlive)).toEqual([]);
  expect(await records()).toHaveLength(2);
});

it('a cell that takes too long, even in native code, is ended', async () => {
  expect(await finish(start(['slow', 'spinning', 'a'], 3000))).toEqual(['slow timeout', 'spinning timeout', 'a ok']);
  expect((await begun()).map(({ pid }) => pid).filter(isProcessAlive)).toEqual([]);
});

it('killed in the middle, a plan goes on with the cell that was running, and no record is lost or doubled', async () => {
  const names = ['a', 'b', 'slow', 'c'];
  const child = start(names);
  await vi.waitFor(
    async () => {
      expect((await begun()).map(({ how }) => how)).toContain('slow');
    },
    { timeout: PATIENT_MS },
  );
  child.kill('SIGKILL');
  expect(await finish(child)).toEqual(['a ok', 'b ok']);
  // The cell's process leaves with its parent.
  await vi.waitFor(
    async () => {
      expect((await begun()).map(({ pid }) => pid).filter(isProcessAlive)).toEqual([]);
    },
    { timeout: PATIENT_MS },
  );
  const before = await records();
  expect(before).toHaveLength(2);
  expect(await finish(start(['a', 'b', 'c']))).toEqual(['a ok resumed', 'b ok resumed', 'c ok']);
  const after = await records();
  expect(after).toHaveLength(3);
  expect(after).toEqual(expect.arrayContaining(before));
  expect((await begun()).map(({ how }) => how)).toEqual(['a', 'b', 'slow', 'c']);
});

it('Ctrl-C keeps what is finished and ends what is running', async () => {
  const child = start(['a', 'slow', 'b']);
  await vi.waitFor(
    async () => {
      expect((await begun()).map(({ how }) => how)).toContain('slow');
    },
    { timeout: PATIENT_MS },
  );
  child.kill('SIGINT');
  expect(await finish(child)).toEqual(['a ok', 'slow cancelled', 'b cancelled']);
  expect((await begun()).map(({ pid }) => pid).filter(isProcessAlive)).toEqual([]);
  expect(await finish(start(['a']))).toEqual(['a ok resumed']);
});
