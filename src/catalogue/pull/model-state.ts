import { join } from 'node:path';
import { partNames } from '../download/part-file.js';
import { fileSize } from '../file-size.js';
import type { ModelEntry } from '../model-entry.js';
import { readManifest } from './pulled-manifest.js';

export interface ModelState {
  /** `partly`: some files are here, or one is unfinished. */
  readonly state: 'shipped' | 'here' | 'partly' | 'not here';
  /** The models folder; null where it is not here. */
  readonly folder: string | null;
  /** Of the files that are here. */
  readonly bytes: number;
}

/** Whether a model is here, judged by names and sizes; `verifyFiles` reads the bytes. */
export async function modelState(entry: ModelEntry, folders: readonly string[], packageFolder: string): Promise<ModelState> {
  if (entry.shipped) {
    const sizes = await Promise.all(entry.files.map(({ as }) => fileSize(join(packageFolder, as))));
    return { state: 'shipped', folder: packageFolder, bytes: sum(sizes) };
  }
  for (const folder of folders) {
    const manifest = await readManifest(folder, entry.name).catch(() => undefined);
    const sizes = await Promise.all(
      entry.files.map(async ({ as }) => {
        const size = await fileSize(join(folder, as));
        const recorded = manifest?.files.find((file) => file.as === as)?.bytes ?? size;
        return size === recorded ? size : undefined;
      }),
    );
    const unfinished = await Promise.all(entry.files.map(({ as }) => fileSize(partNames(join(folder, as)).part)));
    const here = sizes.filter((size) => size !== undefined).length;
    if (here === entry.files.length && here > 0) return { state: 'here', folder, bytes: sum(sizes) };
    if (here > 0 || unfinished.some((size) => size !== undefined)) return { state: 'partly', folder, bytes: sum(sizes) };
  }
  return { state: 'not here', folder: null, bytes: 0 };
}

function sum(sizes: readonly (number | undefined)[]): number {
  return sizes.reduce<number>((total, size) => total + (size ?? 0), 0);
}
