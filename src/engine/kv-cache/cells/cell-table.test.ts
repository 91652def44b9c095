import { describe, expect, test } from 'vitest';
import { CellTable } from './cell-table.js';

const append = (table: CellTable, sequence: number, tokens: number): number[] => {
  const cells = [...table.find(tokens, table.length(sequence) > 0 ? sequence : undefined)];
  for (const cell of cells) table.append(sequence, cell);
  return cells;
};

describe('which cells are taken', () => {
  test('neighbours, where there are as many', () => {
    const table = new CellTable(12);
    append(table, 1, 2);
    append(table, 2, 2);
    append(table, 3, 2);
    table.truncate(2, 0);
    expect(append(table, 4, 3)).toEqual([6, 7, 8]);
    expect(append(table, 5, 2)).toEqual([2, 3]);
    expect(append(table, 6, 2)).toEqual([9, 10]);
    table.truncate(1, 0);
    expect(append(table, 7, 3)).toEqual([0, 1, 11]);
  });

  test('those behind a sequence’s own, so that attention has little to look through', () => {
    const table = new CellTable(1024);
    append(table, 1, 600);
    append(table, 2, 100);
    table.share(2, 3, 80);
    table.truncate(1, 0);
    expect(append(table, 3, 2)).toEqual([700, 701]);
    expect(table.window(Int32Array.of(), [3])).toEqual({ start: 512, window: 256 });
  });

  test('the first ones after the last', () => {
    const table = new CellTable(4);
    append(table, 1, 1);
    append(table, 2, 3);
    table.truncate(1, 0);
    expect(append(table, 2, 1)).toEqual([0]);
    expect(() => table.find(1)).toThrow('do not fit');
  });
});
