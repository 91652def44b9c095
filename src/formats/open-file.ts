import { open, type FileHandle } from 'node:fs/promises';
import { EdgeVlmError } from '../core/errors.js';

export interface OpenedFile {
  readonly handle: FileHandle;
  /** Size when opened, in bytes. */
  readonly bytes: number;
}

/**
 * Opens a regular file for reading. The caller closes `handle`.
 * @throws EdgeVlmError FILE_NOT_FOUND where nothing is there; FILE_UNREADABLE for folders, devices and missing permissions.
 */
export async function openFile(path: string): Promise<OpenedFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const stat = await handle.stat();
    if (!stat.isFile()) throw new EdgeVlmError('FILE_UNREADABLE', `${path} is not a regular file`);
    return { handle, bytes: stat.size };
  } catch (error) {
    await handle?.close();
    if (error instanceof EdgeVlmError) throw error;
    const missing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (missing) throw new EdgeVlmError('FILE_NOT_FOUND', `${path} does not exist`, { cause: error });
    throw new EdgeVlmError('FILE_UNREADABLE', `${path} cannot be opened`, { cause: error });
  }
}

/**
 * The `length` bytes at `offset`, in memory of their own.
 * @throws EdgeVlmError FILE_UNREADABLE, also where the file ends before.
 */
export async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  let filled = 0;
  while (filled < length) {
    // One read moves at most 2 GiB.
    const { bytesRead } = await handle.read(bytes, filled, Math.min(length - filled, 2 ** 30), offset + filled).catch((error: unknown) => {
      throw new EdgeVlmError('FILE_UNREADABLE', `${path} cannot be read`, { cause: error });
    });
    if (bytesRead === 0) throw new EdgeVlmError('FILE_UNREADABLE', `${path} became shorter while it was read`);
    filled += bytesRead;
  }
  return bytes;
}
