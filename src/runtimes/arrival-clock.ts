/** One generation as its caller sees it: when it was asked for, and when each token arrived. */
export class ArrivalClock {
  readonly #start = performance.now();
  readonly #times_ms: number[] = [];
  #firstText_ms: number | undefined;

  /**
   * Call it when a token or a piece of text arrives.
   * @param at_ms when it came to be, as `performance.now()` counts, where several arrive together; default: now
   */
  mark(text: string, at_ms?: number): void {
    const now_ms = performance.now() - this.#start;
    // Clocks of two processes are compared with some error; nothing arrives before it is there, nor before what came before it.
    const made_ms = at_ms === undefined ? now_ms : Math.min(now_ms, at_ms - this.#start);
    this.#times_ms.push(Math.max(made_ms, this.#times_ms.at(-1) ?? 0));
    if (text !== '') this.#firstText_ms ??= now_ms;
  }

  /** How many tokens arrived. */
  get count(): number {
    return this.#times_ms.length;
  }

  /** Milliseconds from the beginning, of every token: when it came to be, or else when it arrived. */
  get tokenTimes_ms(): readonly number[] {
    return this.#times_ms;
  }

  /** The first token is the first one that can be read; where none can, the first one; 0 where there was none. */
  timings(): { readonly ttft_ms: number; readonly total_ms: number } {
    return { ttft_ms: this.#firstText_ms ?? this.#times_ms[0] ?? 0, total_ms: performance.now() - this.#start };
  }
}
