/** How many of the newest answers are remembered. */
const ANSWERS_KEPT = 32;

/** How long answers were, and so how much more of one is to be expected. */
export class AnswerLengths {
  readonly #newest: number[] = [];

  /** @param tokens of an answer that has ended */
  record(tokens: number): void {
    this.#newest.push(tokens);
    if (this.#newest.length > ANSWERS_KEPT) this.#newest.shift();
  }

  /** Tokens still to come after so many: as in earlier answers that got so far; where none did, as many again, or no end before any is known. */
  remaining(said: number): number {
    const { asLong, sum } = this.#asLongAs(said);
    if (asLong === 0) return this.#newest.length === 0 ? Infinity : said;
    return sum / asLong - said;
  }

  /** Share of the answers that ended here, of those that got so far; 0 to 1. */
  endsAfter(said: number): number {
    const { asLong, ended } = this.#asLongAs(said);
    return asLong === 0 ? 0 : ended / asLong;
  }

  #asLongAs(said: number): { asLong: number; ended: number; sum: number } {
    let [asLong, ended, sum] = [0, 0, 0];
    for (const tokens of this.#newest) {
      if (tokens < said) continue;
      asLong++;
      sum += tokens;
      if (tokens === said) ended++;
    }
    return { asLong, ended, sum };
  }
}
