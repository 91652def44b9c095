import { open, statfs } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';

/** What a download needs of the file system; a test passes one that is full. */
export interface Disk {
  /** Opens a file for writing at any place, making it where it is missing. */
  open(path: string): Promise<DiskFile>;
  /** Bytes we may still write in a folder. */
  free(folder: string): Promise<number>;
}

export interface DiskFile {
  bytes(): Promise<number>;
  /** Cuts or extends. */
  resize(bytes: number): Promise<void>;
  /** All of `data`, at byte `position`. */
  write(data: Uint8Array, position: number): Promise<void>;
  /** Returns when everything is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const systemDisk: Disk = {
  async open(path) {
    // Neither `r+` nor `w+` makes a file without emptying it; the first of two programs makes it.
    const handle = await open(path, 'r+').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return open(path, 'wx+');
      throw error;
    });
    return {
      bytes: async () => (await handle.stat()).size,
      resize: (bytes) => handle.truncate(bytes),
      async write(data, position) {
        for (let written = 0; written < data.length;)
          written += (await handle.write(data, written, data.length - written, position + written)).bytesWritten;
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },
  async free(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

/** What a write failed of. */
export function diskError(path: string, cause: unknown): EdgeVlmError {
  if (cause instanceof EdgeVlmError) return cause;
  const full = cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
  if (full) return new EdgeVlmError('DISK_FULL', `the disk is full: ${path} cannot grow`, { cause });
  return new EdgeVlmError('FILE_UNWRITABLE', `${path} cannot be written`, { cause });
}
