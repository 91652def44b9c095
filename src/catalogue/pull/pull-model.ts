import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { downloadFile, type DownloadOptions } from '../download/download-file.js';
import { fileSize } from '../file-size.js';
import { hubFile } from '../hub/hub-file.js';
import type { HubSettings } from '../hub/hub-settings.js';
import type { CatalogueFile, ModelEntry } from '../model-entry.js';
import { type PulledManifest, readManifest, writeManifest } from './pulled-manifest.js';

export interface PullRequest {
  readonly entry: ModelEntry;
  /** The models folder. */
  readonly folder: string;
  /** Asked for when something has to be downloaded, so that what is here needs no network. */
  readonly settings: () => Promise<HubSettings>;
  /** Downloads what is here again, and what somebody else put there, too. Default false. */
  readonly force?: boolean;
  readonly progress?: Progress;
  readonly signal: AbortSignal;
  readonly download?: DownloadOptions;
}

/** `kept`: it was there and we did not put it there. `unverified`: the server gave no checksum to compare with. */
export type PullState = 'downloaded' | 'unverified' | 'present' | 'kept' | 'shipped';

export interface PullReport {
  readonly model: string;
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly state: PullState; readonly bytes: number | null }[];
}

/**
 * Brings a model's files here, one after the other. What is here already is left alone.
 * @throws EdgeVlmError MODEL_UNKNOWN for an entry without files; OFFLINE; and as `downloadFile`. Files that were finished stay.
 */
export async function pullModel(request: PullRequest): Promise<PullReport> {
  const { entry, folder, force = false } = request;
  if (entry.shipped) {
    const files = entry.files.map(({ as, bytes }) => ({ path: as, state: 'shipped' as const, bytes }));
    return { model: entry.name, folder, files };
  }
  const { repository } = entry;
  if (repository === null || entry.files.length === 0) {
    throw new EdgeVlmError('MODEL_UNKNOWN', `no files are known of ${entry.name}`, entry.note === null ? {} : { hint: entry.note });
  }
  const files: PullReport['files'][number][] = [];
  // A damaged record must not stand in the way of doing it all again.
  let manifest = await readManifest(folder, entry.name).catch((thrown: unknown) => {
    if (force) return undefined;
    throw thrown;
  });
  manifest ??= { version: 1, name: entry.name, repository, commit: null, files: [] };
  for (const file of entry.files) {
    const target = join(folder, file.as);
    const bytes = await fileSize(target);
    const pulled = manifest.files.find(({ as }) => as === file.as);
    if (!force && bytes !== undefined && (pulled === undefined || pulled.bytes === bytes)) {
      files.push({ path: target, state: pulled === undefined ? 'kept' : 'present', bytes });
      continue;
    }
    const done = await pullFile(file, target, repository, manifest, request);
    manifest = done.manifest;
    files.push({ path: target, state: done.verified ? 'downloaded' : 'unverified', bytes: (await fileSize(target)) ?? null });
  }
  return { model: entry.name, folder, files };
}

async function pullFile(
  file: CatalogueFile,
  target: string,
  repository: string,
  manifest: PulledManifest,
  { entry, folder, settings: ask, force = false, progress, signal, download }: PullRequest,
): Promise<{ manifest: PulledManifest; verified: boolean }> {
  const settings = await ask();
  const from = await hubFile({ repository, revision: entry.revision, path: file.path }, settings, signal, download);
  const known = file.sha256 === null ? null : { kind: 'sha256' as const, hex: file.sha256 };
  if (known !== null && from.checksum?.kind === 'sha256' && from.checksum.hex !== known.hex) {
    throw new EdgeVlmError('CHECKSUM_MISMATCH', `${repository}/${file.path} on the Hub is not the file the catalogue knows`, {
      hint: 'It was replaced there after this version of EdgeVLM was made: update EdgeVLM.',
    });
  }
  let after = manifest;
  await downloadFile(
    {
      from: { ...from, checksum: known ?? from.checksum },
      target,
      settings,
      label: file.as,
      ...(progress !== undefined && { progress }),
      signal,
      anew: force,
      // Before the file gets its name: a file of ours that the record does not know could not be removed again.
      onVerified: async ({ sha256, bytes }) => {
        const others = manifest.files.filter(({ as }) => as !== file.as);
        after = { ...manifest, commit: from.commit, files: [...others, { as: file.as, role: file.role, path: file.path, bytes, sha256 }] };
        await writeManifest(folder, after);
      },
    },
    download,
  );
  return { manifest: after, verified: known !== null || from.checksum !== null };
}
