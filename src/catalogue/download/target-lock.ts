import { readFile, rm, writeFile } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';
import { isProcessAlive } from '../../core/is-process-alive.js';
import { diskError } from './disk.js';

/**
 * Runs `work` while no other program downloads to `target`: two would write into one partial file. The lock is a file with the number
 * of the process that holds it, and that of a process that is gone does not count.
 * @throws EdgeVlmError DOWNLOAD_FAILED when another program is at it; FILE_UNWRITABLE, DISK_FULL
 */
export async function withTargetLock<T>(target: string, work: () => Promise<T>): Promise<T> {
  const lock = `${target}.part.lock`;
  if (!(await take(lock))) {
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (isProcessAlive(holder)) {
      throw new EdgeVlmError('DOWNLOAD_FAILED', `process ${holder} is downloading ${target}`, {
        hint: `Wait for it. If there is no such download, remove ${lock}.`,
      });
    }
    await rm(lock, { force: true });
    if (!(await take(lock)))
      throw new EdgeVlmError('DOWNLOAD_FAILED', `another process is downloading ${target}`, { hint: 'Wait for it.' });
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw diskError(lock, cause);
  }
}
