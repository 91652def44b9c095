import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EdgeVlmError } from './errors.js';

/**
 * Writes a file beside `path` and renames it there when `produce` has finished and the bytes are on the disk; after a
 * failure nothing of it is left and a file that was at `path` before is unchanged.
 * @param produce is given a function that appends bytes; what it throws passes through.
 * @param mode who may do what with the file, less the process's umask; default: everybody may read and write it.
 * @throws EdgeVlmError FILE_UNWRITABLE for whatever the file system refuses, a full disk among it.
 */
export async function writeFileAtomically(
  path: string,
  produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  { mode = 0o666 }: { readonly mode?: number } = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  const guarded = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
      throw new EdgeVlmError('FILE_UNWRITABLE', `${path} cannot be written${full ? ': the disk is full' : ''}`, { cause: error });
    }
  };

  const handle: FileHandle = await guarded(open(temporary, 'wx', mode));
  try {
    try {
      // `writeFile` of a handle appends and, unlike `write`, goes on after a partial write.
      await produce(async (bytes) => guarded(handle.writeFile(bytes)));
      await guarded(handle.sync());
    } finally {
      await handle.close();
    }
    await guarded(rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
