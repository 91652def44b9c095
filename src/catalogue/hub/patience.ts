/** A signal that aborts when nothing has happened for a while, or when one of the signals it was made from does. */
export class Patience implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #exhausted = false;
  // Not AbortSignal.any: in Node 20 the garbage collector may take the signal it makes before that has fired (nodejs/node#54614).
  readonly #passOn = (): void => {
    this.#controller.abort();
  };

  constructor(
    private readonly outer: readonly AbortSignal[],
    readonly stall_ms: number,
  ) {
    this.#timer = setTimeout(() => {
      this.#exhausted = true;
      this.#controller.abort();
    }, stall_ms);
    for (const signal of outer) {
      signal.addEventListener('abort', this.#passOn);
      if (signal.aborted) this.#passOn();
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was silence that ended it. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Something happened. */
  renew(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.outer) signal.removeEventListener('abort', this.#passOn);
  }
}
