import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type Sqlite from 'libsql';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import type { RunRow } from './run-row.js';

/** A file that was read, and as what; null where it is no run record. */
export interface IndexEntry {
  readonly file: string;
  readonly bytes: number;
  readonly mtime_ms: number;
  readonly row: RunRow | null;
}

const FILE = '.index.sqlite';
/** Of the table; another version's is made anew. */
const VERSION = 1;
/** How long to wait for another process that writes. */
const BUSY_MS = 5000;

const Count = Type.Integer({ minimum: 0 });
const Text = Type.Union([Type.String(), Type.Null()]);
const TableRow = Type.Object({
  file: Type.String(),
  bytes: Type.Number(),
  mtime_ms: Type.Number(),
  id: Text,
  created_at: Type.String(),
  command: Type.String(),
  plan: Text,
  models: Type.String(),
  dataset: Text,
  samples: Count,
  scores: Count,
  pass: Count,
  fail: Count,
  inconclusive: Count,
});
type TableRow = Static<typeof TableRow>;
const Names = Type.Array(Type.String());
const COLUMNS = Object.keys(TableRow.properties);

const TABLE = `
  CREATE TABLE IF NOT EXISTS runs (
    file TEXT PRIMARY KEY, bytes REAL NOT NULL, mtime_ms REAL NOT NULL, id TEXT, created_at TEXT NOT NULL, command TEXT NOT NULL,
    plan TEXT, models TEXT NOT NULL, dataset TEXT, samples INTEGER NOT NULL, scores INTEGER NOT NULL,
    pass INTEGER NOT NULL, fail INTEGER NOT NULL, inconclusive INTEGER NOT NULL
  ) STRICT;
  PRAGMA user_version = ${VERSION};`;

/** The table of the records that were read, in SQLite beside them. Nothing is in it that is not in the records: it may be removed at any time. */
export class IndexDatabase {
  private constructor(private readonly database: Sqlite.Database) {}

  /**
   * Opens the folder's index, or makes it; one that is damaged or of another version is made anew.
   * @throws EdgeVlmError NATIVE_MISSING where SQLite is not installed; FILE_UNWRITABLE
   */
  static async open(directory: string): Promise<{ index: IndexDatabase; entries: IndexEntry[] }> {
    let SqliteDatabase: typeof Sqlite;
    try {
      ({ default: SqliteDatabase } = await import('libsql'));
    } catch (cause) {
      throw new EdgeVlmError('NATIVE_MISSING', 'SQLite (the package libsql) cannot be loaded', { cause });
    }
    const file = join(directory, FILE);
    const attempt = (): { index: IndexDatabase; entries: IndexEntry[] } => {
      const index = new IndexDatabase(new SqliteDatabase(file, { timeout: BUSY_MS }));
      try {
        return { index, entries: index.#prepare() };
      } catch (thrown) {
        index.close();
        throw thrown;
      }
    };
    try {
      return attempt();
    } catch {
      try {
        // Removed, not emptied: another process may be reading it.
        for (const suffix of ['', '-journal', '-wal', '-shm']) await rm(`${file}${suffix}`, { force: true });
        return attempt();
      } catch (cause) {
        throw new EdgeVlmError('FILE_UNWRITABLE', `${file} cannot be written`, { cause });
      }
    }
  }

  /** Adds and replaces entries and forgets files that are gone, all or nothing. Throws what SQLite throws. */
  update(changed: readonly IndexEntry[], gone: readonly string[]): void {
    const insert = this.database.prepare(`INSERT OR REPLACE INTO runs (${COLUMNS.join()}) VALUES (${COLUMNS.map(() => '?').join()})`);
    const remove = this.database.prepare('DELETE FROM runs WHERE file = ?');
    this.database.transaction(() => {
      for (const file of gone) remove.run(file);
      for (const entry of changed) insert.run(...Object.values(toTable(entry)));
    })();
  }

  close(): void {
    this.database.close();
  }

  #prepare(): IndexEntry[] {
    const version = this.database.prepare('PRAGMA user_version').get();
    if (Value.Check(Type.Object({ user_version: Type.Literal(0) }), version)) this.database.exec(TABLE);
    else if (!Value.Check(Type.Object({ user_version: Type.Literal(VERSION) }), version)) throw new Error('another version');
    return this.database.prepare(`SELECT ${COLUMNS.join()} FROM runs`).all().map(fromTable);
  }
}

/** In the order of `COLUMNS`. A file that is no record has no id. */
function toTable({ file, bytes, mtime_ms, row }: IndexEntry): TableRow {
  const { pass = 0, fail = 0, inconclusive = 0 } = row?.verdicts ?? {};
  return {
    ...{ file, bytes, mtime_ms, id: row?.id ?? null, created_at: row?.createdAt ?? '', command: row?.command ?? '' },
    ...{ plan: row?.plan ?? null, models: JSON.stringify(row?.models ?? []), dataset: row?.dataset ?? null },
    ...{ samples: row?.samples ?? 0, scores: row?.scores ?? 0, pass, fail, inconclusive },
  };
}

function fromTable(value: unknown): IndexEntry {
  if (!Value.Check(TableRow, value)) throw new Error('not a row of the index');
  const { file, bytes, mtime_ms, id, created_at, command, plan, dataset, samples, scores, pass, fail, inconclusive } = value;
  if (id === null) return { file, bytes, mtime_ms, row: null };
  const models = Value.Parse(Names, JSON.parse(value.models));
  const verdicts = { pass, fail, inconclusive };
  return { file, bytes, mtime_ms, row: { id, createdAt: created_at, command, plan, models, dataset, samples, scores, verdicts } };
}
