import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { EdgeVlmError } from '../../core/errors.js';
import { parseRunRecord, type RunRecord } from '../../core/run-record.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';

/** Run records as JSON files, one a run. */
export class RunStore {
  /** @param directory made when the first run is saved */
  constructor(private readonly directory: string) {}

  /** @returns the file's path @throws FILE_UNWRITABLE */
  async save(record: RunRecord): Promise<string> {
    const file = this.#file(record.id);
    await writeRunRecord(file, record);
    return file;
  }

  /** @throws FILE_UNREADABLE for a run that is not there or is damaged */
  async load(id: string): Promise<RunRecord> {
    const file = this.#file(id);
    try {
      return parseRunRecord(await readFile(file, 'utf8'), file);
    } catch (thrown) {
      throw EdgeVlmError.from(thrown, 'FILE_UNREADABLE');
    }
  }

  /** @throws FILE_NOT_FOUND, FILE_UNWRITABLE */
  async remove(id: string): Promise<void> {
    const file = this.#file(id);
    try {
      await rm(file);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
        throw new EdgeVlmError('FILE_NOT_FOUND', `there is no run ${id}`, { cause, hint: 'Run `edgevlm runs list` to see the ids.' });
      throw new EdgeVlmError('FILE_UNWRITABLE', `${file} cannot be removed`, { cause });
    }
  }

  #file(id: string): string {
    // Ids come from command lines; they must not lead out of the store.
    if (!/^[\w-]+$/.test(id)) throw new EdgeVlmError('USAGE', `"${id}" is not the id of a run`);
    return path.join(this.directory, `${id}.json`);
  }
}

/** Writes one record to a file of the user's choice, whole or not at all. @throws FILE_UNWRITABLE */
export async function writeRunRecord(file: string, record: RunRecord): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${path.dirname(file)} cannot be made`, { cause });
  }
  const text = `${JSON.stringify(record, null, 2)}\n`;
  await writeFileAtomically(file, (write) => write(new TextEncoder().encode(text)));
}
