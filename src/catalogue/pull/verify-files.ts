import { join } from 'node:path';
import type { Progress } from '../../core/progress.js';
import { checksumsOf } from '../checksum.js';
import { fileSize } from '../file-size.js';

/** A file, and what it must be. */
export interface ExpectedFile {
  readonly as: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface FileVerdict {
  readonly path: string;
  readonly state: 'ok' | 'missing' | 'damaged';
  readonly expected: string;
  /** SHA-256 of what is there; null where nothing is, or its size alone is wrong. */
  readonly found: string | null;
}

/** Compares files with their recorded checksums, reading every byte. @throws EdgeVlmError FILE_UNREADABLE, CANCELLED */
export async function verifyFiles(
  folder: string,
  files: readonly ExpectedFile[],
  { progress, signal }: { readonly progress?: Progress; readonly signal: AbortSignal },
): Promise<FileVerdict[]> {
  const verdicts: FileVerdict[] = [];
  for (const { as, bytes, sha256 } of files) {
    const path = join(folder, as);
    const size = await fileSize(path);
    if (size !== bytes) {
      verdicts.push({ path, state: size === undefined ? 'missing' : 'damaged', expected: sha256, found: null });
      continue;
    }
    const { sha256: found } = await checksumsOf(path, { label: `check ${as}`, signal, ...(progress !== undefined && { progress }) });
    verdicts.push({ path, state: found === sha256 ? 'ok' : 'damaged', expected: sha256, found });
  }
  return verdicts;
}
