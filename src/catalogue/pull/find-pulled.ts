import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { findEntry } from '../entry-named.js';
import { fileSize } from '../file-size.js';
import type { ModelEntry } from '../model-entry.js';
import { readManifest, readManifests } from './pulled-manifest.js';

interface FoundPair {
  readonly model: string;
  readonly mmproj?: string;
}

/** Looks a catalogue name up: among what `pull` put into the folders, then in the Hub's cache of the same repository. */
export async function findPulled(name: string, folders: readonly string[]): Promise<FoundPair | undefined> {
  const entry = findEntry(name);
  if (entry === undefined) return undefined;
  for (const folder of folders) {
    const manifest = await readManifest(folder, entry.name).catch(() => undefined);
    const pulled = manifest && (await pairOf(manifest.files.map(({ role, as }) => ({ role, path: join(folder, as) }))));
    if (pulled !== undefined) return pulled;
    const cached = await findCached(entry, folder);
    if (cached !== undefined) return cached;
  }
  return undefined;
}

/**
 * The vision half that was pulled together with a file; null where that model was pulled without one, undefined for a file that
 * `pull` did not bring.
 */
export async function mmprojPulledWith(model: string): Promise<string | null | undefined> {
  for (const folder of [dirname(model), dirname(dirname(model))]) {
    const name = relative(folder, model).split(sep).join('/');
    for (const { files } of await readManifests(folder)) {
      if (!files.some(({ as, role }) => as === name && role === 'model')) continue;
      return (await pairOf(files.map(({ role, as }) => ({ role, path: join(folder, as) }))))?.mmproj ?? null;
    }
  }
  return undefined;
}

/** `models--<owner>--<name>/snapshots/<commit>/<path>`, as huggingface_hub keeps it. */
async function findCached({ repository, files }: ModelEntry, folder: string): Promise<FoundPair | undefined> {
  if (repository === null) return undefined;
  const snapshots = join(folder, `models--${repository.replace('/', '--')}`, 'snapshots');
  for (const commit of (await readdir(snapshots).catch(() => [])).sort()) {
    const pair = await pairOf(files.map(({ role, path }) => ({ role, path: join(snapshots, basename(commit), path) })));
    if (pair !== undefined) return pair;
  }
  return undefined;
}

async function pairOf(files: readonly { role: string; path: string }[]): Promise<FoundPair | undefined> {
  const here = await Promise.all(files.map(async (file) => ({ ...file, exists: (await fileSize(file.path)) !== undefined })));
  const model = here.find(({ role, exists }) => role === 'model' && exists);
  const mmproj = here.find(({ role, exists }) => role === 'mmproj' && exists);
  return model && { model: model.path, ...(mmproj !== undefined && { mmproj: mmproj.path }) };
}
