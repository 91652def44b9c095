import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { EdgeVlmError } from './errors.js';

/** What this process has hashed, by path, device, inode, size and time of the last change. */
const hashes = new Map<string, string>();
/** A file that was changed less long ago may be changed again without its time telling. */
const SETTLED_MS = 2000;

/** SHA-256 of a file's bytes, hex. A file that has not changed since it was hashed is not read again. @throws FILE_UNREADABLE, CANCELLED */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  try {
    signal?.throwIfAborted();
    const { key, isSettled } = await stateOf(path);
    const known = hashes.get(key);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: 4 * 1024 * 1024 }), hash, signal === undefined ? {} : { signal });
    const sha256 = hash.digest('hex');
    if (isSettled && (await stateOf(path)).key === key) hashes.set(key, sha256);
    return sha256;
  } catch (thrown) {
    throw EdgeVlmError.from(thrown, 'FILE_UNREADABLE');
  }
}

/** What `sha256File` knows by now, for a process that is to start with it. */
export function knownHashes(): ReadonlyMap<string, string> {
  return hashes;
}

/** Takes over what another process of this program has hashed. */
export function rememberHashes(known: ReadonlyMap<string, string>): void {
  for (const [key, sha256] of known) hashes.set(key, sha256);
}

async function stateOf(path: string): Promise<{ key: string; isSettled: boolean }> {
  const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs } = await stat(path, { bigint: true });
  return { key: [path, dev, ino, size, mtimeNs, ctimeNs].join('\0'), isSettled: Date.now() - Number(mtimeMs) > SETTLED_MS };
}
