import type { SequenceTokens } from '../kv-cache.js';

/** A batch token by token. */
export interface LaidOutTokens {
  readonly tokens: number;
  /** [tokens]. */
  readonly positions: Int32Array;
  /** [tokens]. */
  readonly sequences: Int32Array;
}

/** Positions go on from each sequence's length, also where a sequence comes twice. */
export function layOutTokens(batch: readonly SequenceTokens[], length: (sequence: number) => number): LaidOutTokens {
  const tokens = batch.reduce((sum, { count }) => sum + count, 0);
  const positions = new Int32Array(tokens);
  const sequences = new Int32Array(tokens);
  const planned = new Map<number, number>();
  let token = 0;
  for (const { sequence, count } of batch) {
    const start = planned.get(sequence) ?? length(sequence);
    planned.set(sequence, start + count);
    for (let i = 0; i < count; i++, token++) {
      positions[token] = start + i;
      sequences[token] = sequence;
    }
  }
  return { tokens, positions, sequences };
}
