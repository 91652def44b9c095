import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import { writeFileAtomically } from '../core/write-file-atomically.js';

/**
 * Marks a folder as holding data of these settings, in a JSON file of it; a folder that is marked so already is left alone.
 * @throws EdgeVlmError USAGE when it holds data of other settings; FILE_UNWRITABLE
 */
export async function claimFolder(folder: string, settingsFile: string, settings: object): Promise<void> {
  const wanted = `${JSON.stringify(settings, null, 2)}\n`;
  const file = path.join(folder, settingsFile);
  const present = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new EdgeVlmError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  if (present === null) return writeFileAtomically(file, (write) => write(new TextEncoder().encode(wanted)));
  if (present === wanted) return;
  throw new EdgeVlmError('USAGE', `${folder} already holds data of other settings (see its ${settingsFile})`, {
    hint: 'Choose another folder, or repeat the command that filled this one.',
  });
}
