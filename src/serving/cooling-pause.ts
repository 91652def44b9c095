export interface CoolingPauseOptions {
  readonly pause_ms: number;
  /** Pause only while the board is hotter; default: after every inference. A board that does not tell its temperature always pauses. */
  readonly above_celsius?: number;
  /** The newest reading; null where there is no sensor. */
  readonly temperature: () => number | null;
}

/** A pause after inferences, for boards that would otherwise get too hot; the same for all models. What runs already goes on. */
export class CoolingPause {
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #since = 0;
  #total_ms = 0;

  constructor(private readonly options: CoolingPauseOptions) {}

  /** Whether nothing may begin now. */
  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  /** Time in which nothing might begin so far. */
  get total_ms(): number {
    return this.#total_ms + (this.isOn ? performance.now() - this.#since : 0);
  }

  /** How long a pause would be that began now; 0 while the board is cool. */
  get next_ms(): number {
    const { pause_ms, above_celsius = -Infinity, temperature } = this.options;
    return (temperature() ?? Infinity) > above_celsius ? pause_ms : 0;
  }

  /** Begins a pause where the board is hot; one that is on begins anew. */
  begin(): void {
    const { next_ms } = this;
    if (next_ms === 0) return;
    if (!this.isOn) {
      this.#count++;
      this.#since = performance.now();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#end();
    }, next_ms).unref();
  }

  /** Calls once when the pause that is on has ended. */
  whenOver(call: () => void): void {
    this.#waiting.add(call);
  }

  #end(): void {
    this.#total_ms = this.total_ms;
    this.#timer = undefined;
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) call();
  }
}
