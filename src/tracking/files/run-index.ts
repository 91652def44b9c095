import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { IndexDatabase, type IndexEntry } from './index-database.js';
import { readRunRow, type RunRow } from './run-row.js';

/** Conditions that must all hold. */
export interface RunFilter {
  /** Part of a model's name; case does not count. */
  readonly model?: string;
  /** Word or words of the command: `engine`, `eval scenes`. */
  readonly scenario?: string;
  /** Part of a plan's name; case does not count. */
  readonly plan?: string;
  readonly since?: Date;
}

export interface RunList {
  /** Newest last. */
  readonly rows: readonly RunRow[];
  /** Files that are no run records. */
  readonly damaged: readonly string[];
  /** Why all records had to be read; null where the index did its work. */
  readonly note: string | null;
}

/**
 * What the records in a folder are about, without reading all of them: records are as long as they have samples. The index is an
 * SQLite file beside them that only remembers what was read; a record whose size or time differs, or that it does not know, is read again,
 * so it may be deleted, damaged or out of date without anybody noticing more than a moment's work. Without SQLite every record is read.
 */
export class RunIndex {
  constructor(private readonly directory: string) {}

  /** @throws FILE_UNREADABLE where the folder is there and cannot be read */
  async list(filter: RunFilter = {}): Promise<RunList> {
    const { entries, note } = await this.#read();
    const rows: RunRow[] = [];
    const damaged: string[] = [];
    for (const { file, row } of entries) {
      if (row === null) damaged.push(join(this.directory, file));
      else if (matches(row, filter)) rows.push(row);
    }
    // Ids start with the time.
    return { rows: rows.sort((a, b) => (a.id < b.id ? -1 : 1)), damaged, note };
  }

  async #read(): Promise<{ entries: readonly IndexEntry[]; note: string | null }> {
    const names = (await this.#names()).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
    if (names.length === 0) return { entries: [], note: null };
    let opened: Awaited<ReturnType<typeof IndexDatabase.open>>;
    try {
      opened = await IndexDatabase.open(this.directory);
    } catch (thrown) {
      return { entries: (await this.#refresh(names, [])).entries, note: `every record was read: ${EdgeVlmError.from(thrown).message}` };
    }
    const { index, entries: known } = opened;
    try {
      const { entries, changed } = await this.#refresh(names, known);
      const present = new Set(entries.map(({ file }) => file));
      const gone = known.map(({ file }) => file).filter((file) => !present.has(file));
      let note: string | null = null;
      try {
        if (changed.length > 0 || gone.length > 0) index.update(changed, gone);
      } catch (thrown) {
        note = `what was read could not be remembered: ${EdgeVlmError.from(thrown).message}`;
      }
      return { entries, note };
    } finally {
      index.close();
    }
  }

  /** The entries of all files that are there: those that are known and unchanged, and the others read. */
  async #refresh(names: readonly string[], known: readonly IndexEntry[]): Promise<{ entries: IndexEntry[]; changed: IndexEntry[] }> {
    const before = new Map(known.map((entry) => [entry.file, entry]));
    const entries: IndexEntry[] = [];
    const changed: IndexEntry[] = [];
    for (const name of names) {
      const file = join(this.directory, name);
      const found = await stat(file).catch(() => undefined);
      // Removed since the folder was read.
      if (found === undefined) continue;
      const { size: bytes, mtimeMs: mtime_ms } = found;
      const entry = before.get(name);
      if (entry?.bytes === bytes && entry.mtime_ms === mtime_ms) {
        entries.push(entry);
      } else {
        const fresh = { file: name, bytes, mtime_ms, row: await readRunRow(file, name) };
        entries.push(fresh);
        changed.push(fresh);
      }
    }
    return { entries, changed };
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.directory);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.directory} cannot be read`, { cause });
    }
  }
}

function matches(row: RunRow, { model, scenario, plan, since }: RunFilter): boolean {
  const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
  return (
    (model === undefined || row.models.some((name) => has(name, model))) &&
    (scenario === undefined || has(` ${row.command} `, ` ${scenario.trim()} `)) &&
    (plan === undefined || has(row.plan ?? '', plan)) &&
    (since === undefined || Date.parse(row.createdAt) >= since.getTime())
  );
}
