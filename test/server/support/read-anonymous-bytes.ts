import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Each reading is the least of so many: what is not collected yet is on top of what is held. */
const LOOKS = 3;
const PAUSE_MS = 10;

/**
 * RssAnon + VmSwap of a process, with no request on its way: what leaks grow. RSS would hide it behind mapped files and swap. Linux only.
 * @returns bytes
 */
export async function readAnonymousBytes(pid: number): Promise<number> {
  let bytes = Infinity;
  for (let look = 0; look < LOOKS; look++) {
    await sleep(PAUSE_MS);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
    bytes = Math.min(bytes, 1024 * (kilobytes('RssAnon') + kilobytes('VmSwap')));
  }
  return bytes;
}
