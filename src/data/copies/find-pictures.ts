import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { isPictureName } from '../picture-name.js';

/** A picture somewhere under a folder. */
export interface FoundPicture {
  /** Relative to the folder, with `/`. */
  readonly file: string;
  readonly bytes: number;
}

/**
 * All pictures in a folder and the folders inside it, in the order of their paths' code units, so that it is the same everywhere.
 * Linked files count; linked folders and what is hidden do not.
 * @param except a folder that is left out
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function findPictures(folder: string, except: string): Promise<FoundPicture[]> {
  const found: FoundPicture[] = [];
  const leftOut = await realpath(except).catch(() => path.resolve(except));
  const visit = async (inner: string): Promise<void> => {
    const place = path.join(folder, inner);
    if ((await realpath(place)) === leftOut) return;
    for (const entry of await readdir(place, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const file = inner === '' ? entry.name : `${inner}/${entry.name}`;
      if (entry.isDirectory()) await visit(file);
      else if (isPictureName(entry.name)) {
        // A link may lead nowhere.
        const target = await stat(path.join(folder, file)).catch(() => undefined);
        if (target?.isFile() === true) found.push({ file, bytes: target.size });
      }
    }
  };
  try {
    await visit('');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new EdgeVlmError('FILE_NOT_FOUND', `${folder} is not a folder`, { cause });
    throw new EdgeVlmError('FILE_UNREADABLE', `${folder} cannot be read`, { cause });
  }
  return found.sort(({ file: a }, { file: b }) => (a < b ? -1 : 1));
}
