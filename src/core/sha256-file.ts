import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { EdgeVlmError } from './errors.js';

/** SHA-256 of a file's bytes, hex. @throws FILE_UNREADABLE, CANCELLED */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 4 * 1024 * 1024 }), hash, signal === undefined ? {} : { signal });
  } catch (thrown) {
    throw EdgeVlmError.from(thrown, 'FILE_UNREADABLE');
  }
  return hash.digest('hex');
}
