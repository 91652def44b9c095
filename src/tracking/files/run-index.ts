import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { parseRunRecord, type RunRecord } from '../../core/run-record.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';

const strict = { additionalProperties: false } as const;

/** What a list shows of a run. */
const RunRow = Type.Object(
  {
    id: Type.String(),
    createdAt: Type.String({ description: 'ISO 8601, UTC.' }),
    command: Type.String(),
    models: Type.Array(Type.String()),
    dataset: Type.Union([Type.String(), Type.Null()]),
    samples: Type.Integer({ minimum: 0, description: 'Values over all lists, warm-up excluded.' }),
    scores: Type.Integer({ minimum: 0 }),
    verdicts: Type.Object({ pass: Type.Integer(), fail: Type.Integer(), inconclusive: Type.Integer() }, strict),
  },
  strict,
);
export type RunRow = Static<typeof RunRow>;

/** A file that was read, and as what; null where it is no run record. */
const Entry = Type.Object({ bytes: Type.Number(), mtime_ms: Type.Number(), row: Type.Union([RunRow, Type.Null()]) }, strict);
type Entry = Static<typeof Entry>;
const IndexFile = Type.Object({ version: Type.Literal(1), files: Type.Record(Type.String(), Entry) }, strict);

/** Conditions that must all hold. */
export interface RunFilter {
  /** Part of a model's name; case does not count. */
  readonly model?: string;
  /** Word or words of the command: `engine`, `eval scenes`. */
  readonly scenario?: string;
  readonly since?: Date;
}

export interface RunList {
  /** Newest last. */
  readonly rows: readonly RunRow[];
  /** Files that are no run records. */
  readonly damaged: readonly string[];
}

const INDEX = '.index.json';

/**
 * What the records in a folder are about, without reading all of them: records are as long as they have samples. The index is a file
 * beside them that only remembers what was read; a record whose size or time differs, or that it does not know, is read again, so it may be
 * deleted, damaged or out of date without anybody noticing more than a moment's work.
 */
export class RunIndex {
  constructor(private readonly directory: string) {}

  /** @throws FILE_UNREADABLE where the folder is there and cannot be read */
  async list({ model, scenario, since }: RunFilter = {}): Promise<RunList> {
    const files = await this.#read();
    const rows: RunRow[] = [];
    const damaged: string[] = [];
    for (const [file, { row }] of Object.entries(files)) {
      if (row === null) damaged.push(join(this.directory, file));
      else if (matches(row, { model, scenario, since })) rows.push(row);
    }
    // Ids start with the time.
    return { rows: rows.sort((a, b) => (a.id < b.id ? -1 : 1)), damaged };
  }

  async #read(): Promise<Record<string, Entry>> {
    const names = (await this.#names()).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
    const before = names.length === 0 ? {} : await this.#load();
    const after: Record<string, Entry> = {};
    let changed = Object.keys(before).length !== names.length;
    for (const name of names) {
      const known = Object.hasOwn(before, name) ? before[name] : undefined;
      const file = join(this.directory, name);
      const found = await stat(file).catch(() => undefined);
      // Removed since the folder was read.
      if (found === undefined) continue;
      const { size: bytes, mtimeMs: mtime_ms } = found;
      if (known?.bytes === bytes && known.mtime_ms === mtime_ms) {
        after[name] = known;
      } else {
        changed = true;
        after[name] = { bytes, mtime_ms, row: await readRow(file, name) };
      }
    }
    // A folder that cannot be written to is listed all the same.
    if (changed && names.length > 0) await this.#save(after).catch(() => undefined);
    return after;
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.directory);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.directory} cannot be read`, { cause });
    }
  }

  async #load(): Promise<Record<string, Entry>> {
    try {
      const index: unknown = JSON.parse(await readFile(join(this.directory, INDEX), 'utf8'));
      return Value.Check(IndexFile, index) ? index.files : {};
    } catch {
      return {};
    }
  }

  async #save(files: Record<string, Entry>): Promise<void> {
    const text = JSON.stringify({ version: 1, files } satisfies Static<typeof IndexFile>);
    await writeFileAtomically(join(this.directory, INDEX), (write) => write(Buffer.from(text)));
  }
}

async function readRow(file: string, name: string): Promise<RunRow | null> {
  try {
    const record = parseRunRecord(await readFile(file, 'utf8'), file);
    // One that was copied to another name would be listed and could not be shown.
    return `${record.id}.json` === name ? rowOf(record) : null;
  } catch {
    return null;
  }
}

function rowOf({ id, createdAt, command, models, dataset, samples, scores = [], verdicts }: RunRecord): RunRow {
  const count = (outcome: string): number => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  return {
    id,
    createdAt,
    command,
    models: [...new Set(Object.values(models).map(({ name }) => name))],
    dataset: dataset?.name ?? null,
    samples: samples.reduce((sum, { values }) => sum + values.length, 0),
    scores: scores.length,
    verdicts: { pass: count('pass'), fail: count('fail'), inconclusive: count('inconclusive') },
  };
}

function matches(row: RunRow, { model, scenario, since }: { [K in keyof RunFilter]: RunFilter[K] | undefined }): boolean {
  const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
  return (
    (model === undefined || row.models.some((name) => has(name, model))) &&
    (scenario === undefined || has(` ${row.command} `, ` ${scenario.trim()} `)) &&
    (since === undefined || Date.parse(row.createdAt) >= since.getTime())
  );
}
