import { realpath, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { removeParts } from '../download/part-file.js';
import { withTargetLock } from '../download/target-lock.js';
import type { ModelEntry } from '../model-entry.js';
import { readManifest, removeManifest } from './pulled-manifest.js';

/**
 * Removes from a models folder what `pull` put there for a model, unfinished downloads and folders that are empty then among it.
 * @returns the paths that were removed; none where nothing was pulled
 * @throws EdgeVlmError DOWNLOAD_FAILED while it is being downloaded; FILE_UNREADABLE for a damaged record; FILE_UNWRITABLE where a file cannot be removed or lies elsewhere through a link
 */
export async function removeModel(entry: ModelEntry, folder: string): Promise<string[]> {
  const removed: string[] = [];
  const manifest = await readManifest(folder, entry.name);
  for (const { as } of manifest?.files ?? []) {
    const path = join(folder, as);
    await assertInside(folder, path);
    await rm(path).then(
      () => removed.push(path),
      (cause: unknown) => {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
        throw new EdgeVlmError('FILE_UNWRITABLE', `${path} cannot be removed`, { cause });
      },
    );
  }
  if (!entry.shipped) {
    for (const { as } of entry.files) {
      const path = join(folder, as);
      if (!(await isInside(folder, path))) continue;
      removed.push(...(await withTargetLock(path, () => removeParts(path))));
      // Only an empty folder goes.
      if (dirname(path) !== join(folder)) await rmdir(dirname(path)).catch(() => undefined);
    }
  }
  if (manifest !== undefined) await removeManifest(folder, entry.name);
  return removed;
}

async function assertInside(folder: string, path: string): Promise<void> {
  if (await isInside(folder, path)) return;
  throw new EdgeVlmError('FILE_UNWRITABLE', `${path} is not removed: its folder is a link to another place, or gone`);
}

/** A link in place of a folder could lead anywhere. */
async function isInside(folder: string, path: string): Promise<boolean> {
  try {
    const way = relative(await realpath(folder), await realpath(dirname(path)));
    return way === '' || /^(?!\.\.)[^/\\]/.test(way);
  } catch {
    return false;
  }
}
