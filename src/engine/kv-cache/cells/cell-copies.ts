import type { TokenCopies } from '../kv-cache.js';
import type { CellStore } from './cell-store.js';
import type { CellTable } from './cell-table.js';

/** Copies what lies in the cells of sequences, whatever its type. */
export class CellCopies implements TokenCopies {
  constructor(
    private readonly store: CellStore,
    private readonly table: CellTable,
  ) {}

  get tokenBytes(): number {
    return this.store.cellBytes;
  }

  save(sequence: number, from: number, count: number, page: Uint8Array): void {
    this.store.exchange('out', this.table.of(sequence).slice(from, from + count), page, 0);
  }

  restore(sequence: number, page: Uint8Array, from: number, count: number): void {
    const cells = this.table.find(new Int32Array(count).fill(sequence));
    this.store.exchange('in', cells, page, from);
    for (const cell of cells) this.table.append(sequence, cell);
  }
}
