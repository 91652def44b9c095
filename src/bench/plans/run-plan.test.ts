import { beforeEach, describe, expect, it } from 'vitest';
import { sampleMeasurement } from '../../../test/tracking/support/sample-record.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Cell, CellRow } from '../../core/plan-cell.js';
import type { Measurement, RunRecord } from '../../core/run-record.js';
import { cellKey } from './cell-key.js';
import { cellStatus } from './cell-status.js';
import { orderCells } from './order-cells.js';
import { type CellStore, type PlanOptions, type PlanRow, runPlan } from './run-plan.js';

const measurement = sampleMeasurement(3);
const cellOf = (name: string, round = 1): Cell => ({ scenario: 'vlm', settings: { name }, round });
const keyOf = (cell: Cell, files: Record<string, string> = { model: 'a' }): string => cellKey(cell, { files, edgevlm: '1' });

let kept: Map<string, { row: CellRow; record?: RunRecord | undefined }>;
let ran: string[];
const store: CellStore = {
  finished: (key) => {
    const found = kept.get(key);
    return Promise.resolve(found?.record && found.row.status === 'ok' ? { row: found.row, record: found.record } : undefined);
  },
  save: (row, record) => {
    kept.set(row.key, { row, record });
    return Promise.resolve();
  },
};
beforeEach(() => {
  kept = new Map();
  ran = [];
});

const run = (names: readonly string[], options: Partial<PlanOptions> = {}): Promise<PlanRow[]> =>
  runPlan({
    name: 'a plan',
    cells: names.map((name) => cellOf(name)),
    keyOf: (cell) => Promise.resolve(keyOf(cell)),
    runCell: (cell): Promise<Measurement> => {
      const name = String(cell.settings['name']);
      ran.push(name);
      return name.startsWith('bad') ? Promise.reject(new EdgeVlmError('OUT_OF_MEMORY', 'too large')) : Promise.resolve(measurement);
    },
    store,
    ...options,
  });
const statuses = (rows: readonly PlanRow[]): string[] =>
  rows.map(({ cell, status, resumed }) => `${String(cell.settings['name'])} ${status}${resumed ? ' resumed' : ''}`);

describe('a plan', () => {
  it('runs every cell, keeps its record under its key, and goes on after one that fails', async () => {
    const rows = await run(['a', 'bad', 'c']);
    expect(statuses(rows)).toEqual(['a ok', 'bad oom', 'c ok']);
    expect(rows[0]?.record?.cell).toEqual({ plan: 'a plan', key: rows[0]?.key, round: 1 });
    expect(rows[0]?.runId).toBe(rows[0]?.record?.id);
    expect(kept.get(keyOf(cellOf('bad')))?.row).toMatchObject({ status: 'oom', message: 'OUT_OF_MEMORY: too large' });
  });

  it('does not run again what is finished, tries again what failed, and runs what is new', async () => {
    const [first] = await run(['a', 'bad', 'c']);
    ran = [];
    const rows = await run(['c', 'bad', 'new', 'a']);
    expect(statuses(rows)).toEqual(['c ok resumed', 'bad oom', 'new ok', 'a ok resumed']);
    expect(ran).toEqual(['bad', 'new']);
    expect(rows[3]?.runId).toBe(first?.runId);
  });

  it('runs a cell again when a file it depends on has changed', async () => {
    await run(['a']);
    const rows = await run(['a'], { keyOf: (cell) => Promise.resolve(keyOf(cell, { model: 'b' })) });
    expect(statuses(rows)).toEqual(['a ok']);
    expect(ran).toEqual(['a', 'a']);
  });

  it('runs a cell that occurs twice once', async () => {
    expect(statuses(await run(['a', 'a', 'b']))).toEqual(['a ok', 'b ok']);
  });

  it('has a row for a cell whose files are not there', async () => {
    const rows = await run(['a', 'b'], {
      keyOf: (cell) =>
        cell.settings['name'] === 'a' ? Promise.reject(new EdgeVlmError('MODEL_UNKNOWN', 'no such model')) : Promise.resolve(keyOf(cell)),
    });
    expect(statuses(rows)).toEqual(['a load_error', 'b ok']);
    expect(kept.size).toBe(1);
  });

  it('keeps what is finished when it is stopped, and marks the rest', async () => {
    const abort = new AbortController();
    const rows = await run(['a', 'b', 'c'], {
      signal: abort.signal,
      onRow: () => {
        abort.abort();
      },
    });
    expect(statuses(rows)).toEqual(['a ok', 'b cancelled', 'c cancelled']);
    expect(ran).toEqual(['a']);
    expect(statuses(await run(['a', 'b', 'c']))).toEqual(['a ok resumed', 'b ok', 'c ok']);
  });

  it('ends where nothing can be kept', async () => {
    const full = { ...store, save: () => Promise.reject(new EdgeVlmError('FILE_UNWRITABLE', 'the disk is full')) };
    await expect(run(['a', 'b'], { store: full })).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect(ran).toEqual(['a']);
  });

  it('refuses a measurement that is none as an error of the cell', async () => {
    const rows = await run(['a'], { runCell: () => Promise.resolve({ ...measurement, command: '' }) });
    expect(rows[0]).toMatchObject({ status: 'error', message: expect.stringContaining('INTERNAL') as string });
  });
});

it('rounds follow each other as the order says', () => {
  const cells = ['A', 'B', 'C'].map((name) => ({ scenario: 's', settings: { name } }));
  const order = (...args: Parameters<typeof orderCells> extends [unknown, ...infer Rest] ? Rest : never): string =>
    orderCells(cells, ...args)
      .map(({ settings, round }) => `${String(settings['name'])}${round}`)
      .join(' ');
  expect(order('given', 2)).toBe('A1 A2 B1 B2 C1 C2');
  expect(order('interleaved', 2)).toBe('A1 B1 C1 A2 B2 C2');
  expect(order('reversed', 2)).toBe('C1 B1 A1 A2 B2 C2');
});

it.each([
  ['OUT_OF_MEMORY', '', 'oom'],
  ['ENGINE_CRASHED', "the cell's process was ended by SIGKILL (probably out of memory)", 'oom'],
  ['ENGINE_CRASHED', 'was ended by SIGABRT (native code gave up): FATAL ERROR: Reached heap limit - JavaScript heap out of memory', 'oom'],
  ['ENGINE_CRASHED', "terminate called after throwing an instance of 'std::bad_alloc'", 'oom'],
  ['ENGINE_CRASHED', 'was ended by SIGSEGV (invalid memory access)', 'crashed'],
  ['ENGINE_TIMEOUT', '', 'timeout'],
  ['LOAD_ERROR', '', 'load_error'],
  ['GGUF_TRUNCATED', '', 'load_error'],
  ['USAGE', '', 'error'],
  ['CANCELLED', '', 'cancelled'],
] as const)('%s %s is a cell with the status %s', (code, message, status) => {
  expect(cellStatus(new EdgeVlmError(code, message))).toBe(status);
});
