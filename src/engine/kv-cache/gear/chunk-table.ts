import { EdgeVlmError } from '../../../core/errors.js';
import { GEAR_GROUP } from './gear-options.js';

/** A sequence's use of a chunk: its first tokens, all of them unless some were taken back. */
export interface ChunkUse {
  readonly chunk: number;
  readonly tokens: number;
  /** Position of the first of them. */
  readonly start: number;
  /** Position behind the last. */
  readonly end: number;
}

/** Which chunks hold the older tokens of which sequence. Sequences may use the chunks of a common past together. */
export class ChunkTable {
  readonly #uses: Uint32Array;
  readonly #chunks = new Map<number, ChunkUse[]>();

  constructor(size: number) {
    this.#uses = new Uint32Array(size);
  }

  /** Chunks that any sequence uses. */
  get used(): number {
    return this.#uses.reduce((sum, uses) => sum + (uses > 0 ? 1 : 0), 0);
  }

  /** Tokens of a sequence. */
  length(sequence: number): number {
    return this.of(sequence).at(-1)?.end ?? 0;
  }

  /** Sequences that have any. */
  sequences(): Iterable<number> {
    return this.#chunks.keys();
  }

  /** In order of position. */
  of(sequence: number): readonly ChunkUse[] {
    return this.#chunks.get(sequence) ?? [];
  }

  /** Takes a chunk for a sequence's next 64 tokens. */
  append(sequence: number): number {
    const chunk = this.#uses.indexOf(0);
    if (chunk < 0) throw new EdgeVlmError('INTERNAL', 'no chunk is free');
    this.#uses[chunk] = 1;
    const start = this.length(sequence);
    this.#chunks.set(sequence, [...this.of(sequence), { chunk, tokens: GEAR_GROUP, start, end: start + GEAR_GROUP }]);
    return chunk;
  }

  truncate(sequence: number, length: number): void {
    const kept: ChunkUse[] = [];
    for (const { chunk, start, end: all } of this.of(sequence)) {
      const end = Math.min(all, length);
      if (end > start) kept.push({ chunk, tokens: end - start, start, end });
      else this.#uses[chunk] = (this.#uses[chunk] ?? 1) - 1;
    }
    if (kept.length > 0) this.#chunks.set(sequence, kept);
    else this.#chunks.delete(sequence);
  }

  /** Lets `to` use the first whole chunks of `from`. @returns their tokens, at most `length` */
  share(from: number, to: number, length: number): number {
    const whole: ChunkUse[] = [];
    for (const use of this.of(from)) {
      if (use.tokens < GEAR_GROUP || (whole.length + 1) * GEAR_GROUP > length) break;
      whole.push(use);
      this.#uses[use.chunk] = (this.#uses[use.chunk] ?? 0) + 1;
    }
    if (whole.length > 0) this.#chunks.set(to, whole);
    return whole.length * GEAR_GROUP;
  }
}
