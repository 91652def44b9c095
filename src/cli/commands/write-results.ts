import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';

/** Writes a file of results as JSON; its folder is made. @throws FILE_UNWRITABLE */
export async function writeResults(file: string, results: object): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${path.dirname(file)} cannot be made`, { cause });
  });
  await writeFileAtomically(file, (write) => write(new TextEncoder().encode(`${JSON.stringify(results, null, 2)}\n`)));
}
