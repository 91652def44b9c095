import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { RELATIVE_PATH } from '../model-entry.js';

const strict = { additionalProperties: false } as const;

const PulledFile = Type.Object(
  {
    as: Type.String({ pattern: RELATIVE_PATH, description: 'Relative to the models folder.' }),
    role: Type.Union([Type.Literal('model'), Type.Literal('mmproj'), Type.Literal('other')]),
    path: Type.String(),
    bytes: Type.Integer({ minimum: 0 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  strict,
);
export type PulledFile = Static<typeof PulledFile>;

/** What `pull` put into a models folder for one model: what `verify` checks, and all that `rm` may remove. */
const PulledManifest = Type.Object(
  {
    version: Type.Literal(1),
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }),
    repository: Type.String(),
    commit: Type.Union([Type.String(), Type.Null()]),
    files: Type.Array(PulledFile),
  },
  strict,
);
export type PulledManifest = Static<typeof PulledManifest>;

/** Inside the models folder; a dot, so that nobody takes it for a model. */
const FOLDER = '.pulled';

/** Reads what was pulled for a model; undefined where nothing was. @throws EdgeVlmError FILE_UNREADABLE for a damaged record */
export async function readManifest(folder: string, name: string): Promise<PulledManifest | undefined> {
  const path = manifestPath(folder, name);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const manifest: unknown = JSON.parse(text);
    if (Value.Check(PulledManifest, manifest) && manifest.name === name) return manifest;
  } catch {
    // Told below.
  }
  throw new EdgeVlmError('FILE_UNREADABLE', `${path} is damaged`, { hint: 'Remove it and pull the model again with --force.' });
}

/** All of a folder, sorted by name; damaged records are left out. */
export async function readManifests(folder: string): Promise<PulledManifest[]> {
  const names = await readdir(join(folder, FOLDER)).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => readManifest(folder, name.slice(0, -'.json'.length)).catch(() => undefined)),
  );
  return found.filter((manifest) => manifest !== undefined);
}

export async function writeManifest(folder: string, manifest: PulledManifest): Promise<void> {
  await mkdir(join(folder, FOLDER), { recursive: true });
  await writeFileAtomically(manifestPath(folder, manifest.name), (write) => write(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)));
}

export async function removeManifest(folder: string, name: string): Promise<void> {
  await rm(manifestPath(folder, name), { force: true });
  // Only when nothing else is recorded.
  await rmdir(join(folder, FOLDER)).catch(() => undefined);
}

function manifestPath(folder: string, name: string): string {
  return join(folder, FOLDER, `${name}.json`);
}
