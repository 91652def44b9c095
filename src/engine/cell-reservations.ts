import { EdgeVlmError } from '../core/errors.js';

/** Cells that generations may come to need: what is let in never finds them taken, and never takes those of others. */
export class CellReservations {
  readonly #reserved = new Map<number, number>();

  constructor(private readonly cells: number) {}

  /** @throws CONTEXT_FULL where generations that run may need too many of them */
  reserve(sequence: number, tokens: number): void {
    const taken = [...this.#reserved.values()].reduce((sum, count) => sum + count, 0);
    if (taken + tokens > this.cells) {
      throw new EdgeVlmError('CONTEXT_FULL', `${tokens} tokens are wanted, and answers that run may take ${taken} of ${this.cells}`, {
        hint: 'Ask for fewer tokens, wait until an answer has ended, or load the model with a larger context.',
      });
    }
    this.#reserved.set(sequence, tokens);
  }

  release(sequence: number): void {
    this.#reserved.delete(sequence);
  }
}
