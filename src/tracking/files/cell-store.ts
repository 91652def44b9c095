import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { CellRow } from '../../core/plan-cell.js';
import type { RunRecord } from '../../core/run-record.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import type { RunStore } from './run-store.js';

/** The rows of plans' cells as JSON files named by their keys; the records are in the run store. */
export class CellStore {
  /** @param directory made when the first row is saved */
  constructor(
    private readonly directory: string,
    private readonly runs: RunStore,
  ) {}

  /** A finished cell, if its record is still there: one that was removed is measured again. Damaged files are as if they were not there. */
  async finished(key: string): Promise<{ row: CellRow; record: RunRecord } | undefined> {
    try {
      const row: unknown = JSON.parse(await readFile(this.#file(key), 'utf8'));
      if (!Value.Check(CellRow, row) || row.key !== key || row.status !== 'ok' || row.runId === undefined) return undefined;
      const record = await this.runs.load(row.runId);
      return record.cell?.key === key ? { row, record } : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * The row comes first: killed before the record is there, the cell is not finished and no record is left that nobody knows of.
   * @throws FILE_UNWRITABLE
   */
  async save(row: CellRow, record?: RunRecord): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true });
    } catch (cause) {
      throw new EdgeVlmError('FILE_UNWRITABLE', `${this.directory} cannot be made`, { cause });
    }
    const text = `${JSON.stringify(row, null, 2)}\n`;
    await writeFileAtomically(this.#file(row.key), (write) => write(Buffer.from(text)));
    if (record !== undefined) await this.runs.save(record);
  }

  #file(key: string): string {
    return join(this.directory, `${key}.json`);
  }
}
