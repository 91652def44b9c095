import type { LaidOutTokens } from './lay-out-tokens.js';

/** f16 bit patterns: 0 lets a query see a column, -∞ hides it. */
export const VISIBLE = 0;
export const HIDDEN = 0xfc00;

/** What a sequence's next token sees. */
interface Seen {
  readonly row: Uint16Array;
  /** Columns by position. */
  readonly columns: number[];
}

/**
 * [tokens, width] f16: a token sees the columns of its sequence up to its own position, or only the last of them.
 * @param columns of every token of the batch @param past columns of a sequence's tokens before a position, in their order
 */
export function causalMask(
  { tokens, positions, sequences }: LaidOutTokens,
  width: number,
  columns: Int32Array,
  past: (sequence: number, position: number) => readonly number[],
  slidingWindow: number | null,
): Uint16Array {
  const bits = new Uint16Array(width * tokens);
  const bySequence = new Map<number, Seen>();
  for (let token = 0; token < tokens; token++) {
    const sequence = sequences[token] ?? 0;
    const column = columns[token] ?? 0;
    const seen = bySequence.get(sequence) ?? seenBefore(past(sequence, positions[token] ?? 0), width, slidingWindow);
    bySequence.set(sequence, seen);
    // It grows by a column with every token of the batch, and loses the one that slides out.
    seen.columns.push(column);
    seen.row[column] = VISIBLE;
    const gone = slidingWindow === null ? undefined : seen.columns.at(-1 - slidingWindow);
    if (gone !== undefined) seen.row[gone] = HIDDEN;
    bits.set(seen.row, token * width);
  }
  return bits;
}

function seenBefore(past: readonly number[], width: number, slidingWindow: number | null): Seen {
  const row = new Uint16Array(width).fill(HIDDEN);
  for (const column of past.slice(-(slidingWindow ?? past.length))) row[column] = VISIBLE;
  return { row, columns: [...past] };
}
