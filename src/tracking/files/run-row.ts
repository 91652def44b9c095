import { readFile } from 'node:fs/promises';
import { parseRunRecord, type RunRecord } from '../../core/run-record.js';

/** What a list shows of a run. */
export interface RunRow {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly command: string;
  /** The plan whose cell it is. */
  readonly plan: string | null;
  readonly models: readonly string[];
  readonly dataset: string | null;
  /** Values over all lists, warm-up excluded. */
  readonly samples: number;
  readonly scores: number;
  readonly verdicts: { readonly pass: number; readonly fail: number; readonly inconclusive: number };
}

/** The row of a record's file; null where the file is no record, or has been copied to another name: that one could be listed and not shown. */
export async function readRunRow(file: string, name: string): Promise<RunRow | null> {
  try {
    const record = parseRunRecord(await readFile(file, 'utf8'), file);
    return `${record.id}.json` === name ? rowOf(record) : null;
  } catch {
    return null;
  }
}

function rowOf({ id, createdAt, command, cell, models, dataset, samples, scores = [], verdicts }: RunRecord): RunRow {
  const count = (outcome: string): number => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  return {
    id,
    createdAt,
    command,
    plan: cell?.plan ?? null,
    models: [...new Set(Object.values(models).map(({ name }) => name))],
    dataset: dataset?.name ?? null,
    samples: samples.reduce((sum, { values }) => sum + values.length, 0),
    scores: scores.length,
    verdicts: { pass: count('pass'), fail: count('fail'), inconclusive: count('inconclusive') },
  };
}
