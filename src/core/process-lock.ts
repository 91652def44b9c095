import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { EdgeVlmError } from './errors.js';
import { isProcessAlive } from './is-process-alive.js';

/** How often the holder says that it is alive, and after how long a silence it is taken for dead, milliseconds. */
const HEARTBEAT_MS = 5000;
const SILENCE_MS = 30_000;

/**
 * Runs `work` while no other process does so with the same lock. A holder that was killed does not count: its process is gone, or,
 * where that cannot be known (another container with the same folder, a number used again), its file has not been touched for 30 s.
 * @param busy the error where somebody else has it; `holder` is its process, where that is known
 * @throws what `busy` gives; FILE_UNWRITABLE
 */
export async function withProcessLock<T>(
  lock: string,
  busy: (holder: number | undefined) => EdgeVlmError,
  work: () => Promise<T>,
): Promise<T> {
  const ours = `${process.pid} ${hostname()} ${randomUUID()}`;
  if (!(await take(lock, ours))) {
    const theirs = await readFile(lock, 'utf8').catch(() => '');
    if (await isHeld(lock, theirs)) {
      const holder = /^\d+/.exec(theirs)?.[0];
      throw busy(holder === undefined ? undefined : Number(holder));
    }
    await breakLock(lock, theirs);
    if (!(await take(lock, ours))) throw busy(undefined);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(lock, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await readFile(lock, 'utf8').catch(() => '')) === ours) await rm(lock, { force: true });
  }
}

async function take(lock: string, content: string): Promise<boolean> {
  try {
    await writeFile(lock, content, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw new EdgeVlmError('FILE_UNWRITABLE', `${lock} cannot be written`, { cause });
  }
}

async function isHeld(lock: string, content: string): Promise<boolean> {
  const touched_ms = await stat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => -Infinity,
  );
  if (Date.now() - touched_ms > SILENCE_MS) return false;
  const [pid = '', host] = content.split(' ');
  return host !== hostname() || isProcessAlive(Number(pid));
}

/** Takes a dead holder's lock out of the way; where another process has done so and taken it meanwhile, gives that one back. */
async function breakLock(lock: string, seen: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  try {
    await rename(lock, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8').catch(() => seen)) === seen) await rm(aside, { force: true });
  else await rename(aside, lock);
}
