import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';

/** A picture as a user hands it over: the path of a file, or the encoded bytes themselves. */
export type ImageSource = string | Uint8Array;

/** How messages call a source. */
export function describeSource(source: ImageSource): string {
  return typeof source === 'string' ? source : `a picture of ${source.byteLength} bytes`;
}

/**
 * Reads a source whole, never more than `maxBytes`.
 *
 * @throws EdgeVlmError `FILE_NOT_FOUND`, `FILE_UNREADABLE` (no permission, a folder, a device or a pipe), `IMAGE_TOO_LARGE`
 */
export async function readImageBytes(source: ImageSource, maxBytes: number): Promise<Uint8Array> {
  if (typeof source !== 'string') {
    refuseOver(maxBytes, source.byteLength, source);
    return source;
  }
  try {
    // Without O_NONBLOCK (Windows has none) opening a pipe that nobody writes to would wait for ever.
    await using file = await open(source, constants.O_RDONLY | (constants.O_NONBLOCK || 0));
    const stat = await file.stat();
    if (!stat.isFile()) throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not a regular file`);
    refuseOver(maxBytes, stat.size, source);
    const bytes = new Uint8Array(stat.size);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
      if (bytesRead === 0) break; // the file shrank since stat
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } catch (error) {
    if (error instanceof EdgeVlmError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new EdgeVlmError('FILE_NOT_FOUND', `${source} does not exist`, { cause: error });
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} cannot be read${typeof code === 'string' ? ` (${code})` : ''}`, { cause: error });
  }
}

function refuseOver(maxBytes: number, size: number, source: ImageSource): void {
  if (size <= maxBytes) return;
  const name = typeof source === 'string' ? source : 'the picture';
  throw new EdgeVlmError('IMAGE_TOO_LARGE', `${name} has ${size} bytes, the limit is ${maxBytes}`);
}
