import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive } from '../../src/core/is-process-alive.js';

/** Test files run side by side, and one of them makes what all use. A lock whose process is gone is nobody's. @returns releases it */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch {
      const holder = Number(await readFile(path, 'utf8').catch(() => '0'));
      // 0: it has just been released, or its number is not written yet.
      if (holder !== 0 && !isProcessAlive(holder)) await rm(path, { force: true });
      await sleep(200);
    }
  }
}
