import { describe, expect, test } from 'vitest';
import { CellTable } from './cell-table.js';

const append = (table: CellTable, sequence: number, tokens: number): number[] => {
  const cells = [...table.find(new Int32Array(tokens).fill(sequence))];
  for (const cell of cells) table.append(sequence, cell);
  return cells;
};

/** A new sequence whose first batch is not its whole prompt. */
const begin = (table: CellTable, sequence: number, prompt: number, batch = prompt): number[] => {
  table.expect(sequence, prompt);
  return append(table, sequence, batch);
};

describe('which cells are taken', () => {
  test('as many neighbours as the prompt has tokens, however few come first', () => {
    const table = new CellTable(12);
    begin(table, 1, 2);
    begin(table, 2, 2);
    begin(table, 3, 2);
    table.truncate(2, 0);
    expect(begin(table, 4, 3, 1)).toEqual([6]);
    expect(append(table, 4, 2)).toEqual([7, 8]);
    expect(begin(table, 5, 2)).toEqual([2, 3]);
  });

  test('those that lie closest together, where there are no neighbours', () => {
    const table = new CellTable(12);
    begin(table, 1, 3);
    begin(table, 2, 2);
    begin(table, 3, 1);
    begin(table, 4, 4);
    table.truncate(1, 0);
    table.truncate(3, 0);
    expect(begin(table, 5, 4)).toEqual([0, 1, 2, 5]);
  });

  test('not those right behind another, which grows, where there are others', () => {
    const table = new CellTable(2048);
    begin(table, 1, 100);
    expect(begin(table, 2, 100)[0]).toBe(356);
    expect(append(table, 1, 1)).toEqual([100]);
    expect(begin(table, 3, 1300)[0]).toBe(712);
    // Now there are none.
    expect(begin(table, 4, 300)[0]).toBe(101);
  });

  test('of every sequence in a batch its own', () => {
    const table = new CellTable(2048);
    begin(table, 1, 100);
    begin(table, 2, 100);
    expect([...table.find(Int32Array.of(1, 2, 2, 1))]).toEqual([100, 456, 457, 101]);
  });

  test('those behind a sequence’s own, so that attention has little to look through', () => {
    const table = new CellTable(1024);
    begin(table, 1, 600);
    begin(table, 2, 100);
    const [first = 0] = table.of(2);
    table.share(2, 3, 80);
    table.truncate(1, 0);
    expect(append(table, 3, 2)).toEqual([first + 100, first + 101]);
    // What an ended one left among them is theirs again.
    table.truncate(2, 0);
    expect(append(table, 3, 1)).toEqual([first + 80]);
    expect(table.window(Int32Array.of(), [3])).toEqual({ start: 768, window: 256 });
  });

  test('how far apart a sequence’s would lie that begins with those of another', () => {
    const table = new CellTable(1024);
    begin(table, 1, 100);
    begin(table, 2, 100);
    expect(table.reach(1, 100, 200)).toBe(200);
    // Behind the room that the first one has to grow in lies the second.
    expect(table.reach(1, 100, 400)).toBe(500);
    expect(table.reach(1, 4, 400)).toBe(496 + 100);
    expect(table.reach(2, 4, 2000)).toBe(1024);
  });

  test('those that the sequence itself left, before any that it never had', () => {
    const table = new CellTable(1024);
    begin(table, 1, 64);
    table.dropFirst(1, 32);
    expect(append(table, 1, 2)).toEqual([0, 1]);
  });

  test('the first ones after the last', () => {
    const table = new CellTable(4);
    begin(table, 1, 1);
    begin(table, 2, 3);
    table.truncate(1, 0);
    expect(append(table, 2, 1)).toEqual([0]);
    expect(() => table.find(Int32Array.of(1))).toThrow('do not fit');
  });
});
