import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import { isPictureName } from '../data/picture-name.js';

export interface PictureList {
  /** In the order given; a folder's own in the order of their names. */
  readonly pictures: readonly string[];
  readonly failures: readonly { readonly image: string; readonly error: EdgeVlmError }[];
}

/** The pictures that `paths`, files and folders, stand for. Folders inside folders are left alone. */
export async function listPictures(paths: readonly string[]): Promise<PictureList> {
  const pictures: string[] = [];
  const failures: { image: string; error: EdgeVlmError }[] = [];
  for (const path of paths) {
    try {
      pictures.push(...(await picturesAt(path)));
    } catch (thrown) {
      failures.push({ image: path, error: EdgeVlmError.from(thrown, 'FILE_UNREADABLE') });
    }
  }
  return { pictures, failures };
}

async function picturesAt(path: string): Promise<string[]> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_NOT_FOUND', `${path} does not exist`, { cause });
  });
  if (!entry.isDirectory()) return [path];
  const names = (await readdir(path)).filter(isPictureName).sort();
  if (names.length === 0) throw new EdgeVlmError('FILE_NOT_FOUND', `the folder ${path} holds no pictures`);
  return names.map((name) => join(path, name));
}
