import { EdgeVlmError } from '../core/errors.js';
import { openFile, readExactly } from '../formats/open-file.js';

/** The largest real tokenizer.json files have about 35 MB. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * The whole of one of a checkpoint's small files.
 * @returns undefined where the file does not exist.
 * @throws EdgeVlmError CHECKPOINT_INVALID where it is too large, FILE_UNREADABLE.
 */
export async function readSmallFile(path: string): Promise<Buffer | undefined> {
  let opened;
  try {
    opened = await openFile(path);
  } catch (error) {
    if (error instanceof EdgeVlmError && error.code === 'FILE_NOT_FOUND') return undefined;
    throw error;
  }
  try {
    if (opened.bytes > MAX_BYTES) throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} has over ${MAX_BYTES} bytes`);
    return await readExactly(opened.handle, path, 0, opened.bytes);
  } finally {
    await opened.handle.close();
  }
}
