import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EdgeVlmError } from '../core/errors.js';
import { NO_PROGRESS, type Progress, ProgressTask } from '../core/progress.js';

/** `git-blob` is git's object id: SHA-1 of `blob <bytes>\0` and the content. */
export interface Checksum {
  readonly kind: 'sha256' | 'git-blob';
  readonly hex: string;
}

/** One pass over a file gives both sums, hex. @throws EdgeVlmError FILE_UNREADABLE, CANCELLED */
export async function checksumsOf(
  path: string,
  { progress = NO_PROGRESS, label, signal }: { readonly progress?: Progress; readonly label: string; readonly signal: AbortSignal },
): Promise<Record<Checksum['kind'], string>> {
  let task: ProgressTask | undefined;
  try {
    const { size } = await stat(path);
    task = new ProgressTask(progress, { label, unit: 'bytes', total: size });
    const sha256 = createHash('sha256');
    const gitBlob = createHash('sha1').update(`blob ${size}\0`);
    for await (const bytes of createReadStream(path, { highWaterMark: 4 * 1024 * 1024, signal }) as AsyncIterable<Buffer>) {
      sha256.update(bytes);
      gitBlob.update(bytes);
      task.advance(bytes.length);
    }
    return { sha256: sha256.digest('hex'), 'git-blob': gitBlob.digest('hex') };
  } catch (thrown) {
    throw EdgeVlmError.from(thrown, 'FILE_UNREADABLE');
  } finally {
    task?.end();
  }
}
