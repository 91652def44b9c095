import type { BatchEntry, DecoderRunner, EmbeddingRows } from './decoder-runner.js';

/** How long streams wait for a piece of a prompt, by what pieces took before. */
const PIECE_MS = 150;
/** The first piece, and the smallest: weights are read once for each. */
const SMALLEST_PIECE = 32;

/** Appends a long prompt piece by piece: in micro-batches, or in smaller pieces while streams have to wait for each. */
export class PromptInPieces {
  #done = 0;

  constructor(
    private readonly runner: DecoderRunner,
    private readonly entry: BatchEntry,
  ) {}

  /**
   * Appends the next piece.
   * @returns the logits asked for after the last one, else undefined @throws CONTEXT_FULL, CANCELLED; then the pieces before it stay
   */
  async next(shared: boolean, signal?: AbortSignal): Promise<Float32Array | undefined> {
    const { runner, entry } = this;
    const { length } = entry.tokens;
    const left = length - this.#done;
    // What the cache wants in one plan stays together.
    const together = Math.min(entry.promptEnd === undefined ? 0 : (runner.cache.promptWindow ?? 0), runner.microBatch);
    const size = shared ? Math.max(this.#smallPiece(), together) : runner.microBatch;
    const end = left <= size ? length : this.#done + Math.min(size, left - together);
    const [logits] = await runner.decode([this.#piece(end)], signal);
    this.#done = end;
    return end < length ? undefined : (logits ?? new Float32Array());
  }

  /** The entry's tokens up to `end` that the sequence does not have. */
  #piece(end: number): BatchEntry {
    const { entry, runner } = this;
    const start = this.#done;
    const embeddings: EmbeddingRows[] = [];
    for (const { at, values } of entry.embeddings ?? []) {
      const [first, last] = [Math.max(at, start), Math.min(at + values.length / runner.embedding, end)];
      if (first >= last) continue;
      embeddings.push({ at: first - start, values: values.subarray((first - at) * runner.embedding, (last - at) * runner.embedding) });
    }
    const piece = { sequence: entry.sequence, tokens: entry.tokens.subarray(start, end), embeddings };
    return end < entry.tokens.length ? { ...piece, logits: 'none' } : { ...piece, logits: entry.logits, promptEnd: entry.promptEnd };
  }

  /** A power of two, so that pieces have few forms and their graphs are built once. */
  #smallPiece(): number {
    const { promptPace, microBatch } = this.runner;
    const fitting = Math.max((promptPace ?? 0) * PIECE_MS, SMALLEST_PIECE);
    return Math.min(2 ** Math.floor(Math.log2(fitting)), microBatch);
  }
}
