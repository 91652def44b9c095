import { EdgeVlmError } from '../../../core/errors.js';

/** Attention runs over a window of the cells rounded up to this many, so that one graph serves many steps. */
const WINDOW_CELLS = 256;

/** Which cells of a pool hold which tokens. Sequences may use the cells of a common past together. */
export class CellTable {
  /** How many sequences use each cell. */
  readonly #uses: Uint32Array;
  /** Cells of every sequence, by position. */
  readonly #cells = new Map<number, number[]>();
  #used = 0;

  constructor(readonly size: number) {
    this.#uses = new Uint32Array(size);
  }

  /** Cells that any sequence uses. */
  get used(): number {
    return this.#used;
  }

  length(sequence: number): number {
    return this.of(sequence).length;
  }

  /** A sequence's cells, by position. */
  of(sequence: number): readonly number[] {
    return this.#cells.get(sequence) ?? [];
  }

  /** Whether no other sequence uses any of a sequence's cells. */
  ownsAlone(sequence: number): boolean {
    return this.of(sequence).every((cell) => this.#uses[cell] === 1);
  }

  /**
   * Free cells; nothing is taken. Those behind a sequence's own, else neighbours: attention looks through the mask of all that lies between
   * a sequence's first cell and its last.
   * @throws CONTEXT_FULL
   */
  find(tokens: number, sequence?: number): Int32Array {
    if (this.size - this.#used < tokens) {
      throw new EdgeVlmError('CONTEXT_FULL', `${tokens} more tokens do not fit into a context of ${this.size}`);
    }
    const last = sequence === undefined ? undefined : this.of(sequence).at(-1);
    const cells = new Int32Array(tokens);
    for (let token = 0, cell = last === undefined ? this.#gap(tokens) : last + 1; token < tokens; cell++) {
      if (cell >= this.size) cell = 0;
      if (this.#uses[cell] === 0) cells[token++] = cell;
    }
    return cells;
  }

  /** Where the first so many free neighbours begin; 0 where there are none. */
  #gap(tokens: number): number {
    for (let cell = 0, free = 0; cell < this.size; cell++) {
      free = this.#uses[cell] === 0 ? free + 1 : 0;
      if (free === tokens) return cell + 1 - tokens;
    }
    return 0;
  }

  /** Takes a free cell for a sequence's next token. */
  append(sequence: number, cell: number): void {
    const owned = this.#cells.get(sequence);
    if (owned === undefined) this.#cells.set(sequence, [cell]);
    else owned.push(cell);
    this.#uses[cell] = 1;
    this.#used++;
  }

  /** Frees a sequence's cells from `length` on. */
  truncate(sequence: number, length: number): void {
    this.#remove(sequence, length, Infinity);
  }

  /** Frees a sequence's first cells. */
  dropFirst(sequence: number, count: number): void {
    this.#remove(sequence, 0, count);
  }

  /** Lets the empty sequence `to` use up to `length` cells of `from`. @returns how many */
  share(from: number, to: number, length: number): number {
    if (this.length(to) > 0) throw new EdgeVlmError('INTERNAL', `sequence ${to} is not empty`);
    const shared = this.of(from).slice(0, length);
    if (shared.length > 0) this.#cells.set(to, shared);
    for (const cell of shared) this.#uses[cell] = (this.#uses[cell] ?? 0) + 1;
    return shared.length;
  }

  /** A range of whole windows with all these cells in it; what others hold around them costs no attention. */
  window(planned: Int32Array, sequences: Iterable<number>): { readonly start: number; readonly window: number } {
    let first = Infinity;
    let last = 0;
    const include = (cell: number): void => {
      first = Math.min(first, cell);
      last = Math.max(last, cell);
    };
    planned.forEach(include);
    for (const sequence of sequences) this.of(sequence).forEach(include);
    const start = Math.floor(first / WINDOW_CELLS) * WINDOW_CELLS;
    const end = Math.min(Math.ceil((last + 1) / WINDOW_CELLS) * WINDOW_CELLS, this.size);
    return { start, window: end - start };
  }

  #remove(sequence: number, from: number, count: number): void {
    const owned = this.#cells.get(sequence);
    if (owned === undefined) return;
    for (const cell of owned.splice(from, count)) {
      const uses = (this.#uses[cell] ?? 1) - 1;
      this.#uses[cell] = uses;
      if (uses === 0) this.#used--;
    }
    if (owned.length === 0) this.#cells.delete(sequence);
  }
}
