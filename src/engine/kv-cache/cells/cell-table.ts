import { EdgeVlmError } from '../../../core/errors.js';

/** Attention runs over a window of the cells rounded up to this many, so that one graph serves many steps. */
const WINDOW_CELLS = 256;
/** Cells behind each sequence that another only begins in where there are no others: an answer's worth. */
const ROOM_TO_GROW = 256;

/** Which cells of a pool hold which tokens. Sequences may use the cells of a common past together. */
export class CellTable {
  /** How many sequences use each cell. */
  readonly #uses: Uint32Array;
  /** Cells of every sequence, by position. */
  readonly #cells = new Map<number, number[]>();
  /** Where each sequence began: what is free behind it, it or an ended one left. */
  readonly #origins = new Map<number, number>();
  /** Tokens that empty sequences will begin with. */
  readonly #expected = new Map<number, number>();
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

  /** Tells how many tokens an empty sequence will begin with, so that they find room together however many batches they come in. */
  expect(sequence: number, tokens: number): void {
    if (this.length(sequence) === 0) this.#expected.set(sequence, tokens);
  }

  /**
   * Free cells for a batch; nothing is taken. A sequence's next ones lie among or behind its own, since attention looks through the mask of all that
   * lies between its first cell and its last; a new sequence begins where it has most to itself.
   * @param sequences of the batch's tokens, [tokens]
   * @throws CONTEXT_FULL
   */
  find(sequences: Int32Array): Int32Array {
    const tokens = sequences.length;
    if (this.size - this.#used < tokens) {
      throw new EdgeVlmError('CONTEXT_FULL', `${tokens} more tokens do not fit into a context of ${this.size}`);
    }
    const found = new Set<number>();
    const next = new Map<number, number>();
    const isFree = (cell: number): boolean => this.#uses[cell] === 0 && !found.has(cell);
    return sequences.map((sequence) => {
      let cell = next.get(sequence) ?? this.#next(sequence, isFree);
      while (!isFree(cell)) cell = (cell + 1) % this.size;
      found.add(cell);
      next.set(sequence, (cell + 1) % this.size);
      return cell;
    });
  }

  /** Cells from the first to the last of so many tokens, if they begin with the first `shared` of a sequence. */
  reach(from: number, shared: number, tokens: number): number {
    const own = this.of(from).slice(0, shared);
    const [origin = 0] = own;
    let last = own.reduce((furthest, cell) => Math.max(furthest, cell), origin);
    let missing = tokens - own.length;
    for (let cell = origin; missing > 0 && cell < this.size; cell++) {
      if (this.#uses[cell] !== 0) continue;
      last = Math.max(last, cell);
      missing--;
    }
    return missing > 0 ? this.size : last - origin + 1;
  }

  /** Where to look first for a sequence's next token. */
  #next(sequence: number, isFree: (cell: number) => boolean): number {
    const own = this.of(sequence);
    const origin = this.#origins.get(sequence);
    if (origin !== undefined) return own.at(-1) === origin + own.length - 1 ? (origin + own.length) % this.size : origin;
    const tokens = Math.max(this.#expected.get(sequence) ?? 1, 1);
    const growing = new Set<number>();
    for (const cells of this.#cells.values()) {
      const end = (cells.at(-1) ?? -1) + 1;
      for (let cell = end; cell < Math.min(end + ROOM_TO_GROW, this.size) && isFree(cell); cell++) growing.add(cell);
    }
    return this.#narrowest(tokens, (cell) => isFree(cell) && !growing.has(cell)) ?? this.#narrowest(tokens, isFree) ?? 0;
  }

  /** Where so many free cells begin that lie closest together, the first of equals; undefined where there are not as many. */
  #narrowest(tokens: number, isFree: (cell: number) => boolean): number | undefined {
    const free: number[] = [];
    let start: number | undefined;
    let span = Infinity;
    for (let cell = 0; cell < this.size && span > tokens; cell++) {
      if (!isFree(cell)) continue;
      free.push(cell);
      const first = free.at(-tokens);
      if (first !== undefined && cell + 1 - first < span) [start, span] = [first, cell + 1 - first];
    }
    return start;
  }

  /** Takes a free cell for a sequence's next token. */
  append(sequence: number, cell: number): void {
    const owned = this.#cells.get(sequence);
    this.#expected.delete(sequence);
    if (owned === undefined) this.#set(sequence, [cell]);
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
    if (shared.length > 0) this.#set(to, shared);
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

  #set(sequence: number, cells: number[]): void {
    this.#expected.delete(sequence);
    this.#cells.set(sequence, cells);
    this.#origins.set(sequence, cells[0] ?? 0);
  }

  #remove(sequence: number, from: number, count: number): void {
    this.#expected.delete(sequence);
    const owned = this.#cells.get(sequence);
    if (owned === undefined) return;
    for (const cell of owned.splice(from, count)) {
      const uses = (this.#uses[cell] ?? 1) - 1;
      this.#uses[cell] = uses;
      if (uses === 0) this.#used--;
    }
    if (owned.length > 0) return;
    this.#cells.delete(sequence);
    this.#origins.delete(sequence);
  }
}
