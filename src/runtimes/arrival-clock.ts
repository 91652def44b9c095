/** One generation as its caller sees it: when it was asked for, and when each token arrived. */
export class ArrivalClock {
  readonly #start = performance.now();
  readonly #times_ms: number[] = [];
  #firstText_ms: number | undefined;

  /** Call it when a token or a piece of text arrives. */
  mark(text: string): void {
    const now_ms = performance.now() - this.#start;
    this.#times_ms.push(now_ms);
    if (text !== '') this.#firstText_ms ??= now_ms;
  }

  /** How many tokens arrived. */
  get count(): number {
    return this.#times_ms.length;
  }

  /** Milliseconds from the beginning, of every token. */
  get tokenTimes_ms(): readonly number[] {
    return this.#times_ms;
  }

  /** The first token is the first one that can be read; where none can, the first one; 0 where there was none. */
  timings(): { readonly ttft_ms: number; readonly total_ms: number } {
    return { ttft_ms: this.#firstText_ms ?? this.#times_ms[0] ?? 0, total_ms: performance.now() - this.#start };
  }
}
