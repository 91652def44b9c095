import type { DetailedResult } from '../core/generator.js';

/** Of token ids and tiles to token ids: text and pictures are others' work. */
export type ComputeTimings = Omit<DetailedResult['timings'], 'tokenise_ms' | 'prepare_ms'>;

type Stage = 'queue' | 'encode' | 'prefill' | 'decode' | 'sample';

/** Told when work that waits for its turn has it, and when it lets others go first. */
export interface Turn {
  begin(): void;
  end(): void;
}

/** Adds up where one generation's time goes. */
export class StageClock {
  readonly #start = performance.now();
  readonly #spent: Record<Stage, number> = { queue: 0, encode: 0, prefill: 0, decode: 0, sample: 0 };
  #firstToken: number | undefined;

  /** Times work that takes turns with others'; the waits count as `queue`. */
  async measure<T>(stage: Stage, work: (turn: Turn) => Promise<T>): Promise<T> {
    let since = performance.now();
    let current: Stage = 'queue';
    const goOnAs = (next: Stage): void => {
      const now = performance.now();
      this.#spent[current] += now - since;
      [since, current] = [now, next];
    };
    const turn: Turn = {
      begin: () => {
        goOnAs(stage);
      },
      end: () => {
        goOnAs('queue');
      },
    };
    try {
      return await work(turn);
    } finally {
      goOnAs('queue');
    }
  }

  measureSync<T>(stage: Stage, work: () => T): T {
    const start = performance.now();
    try {
      return work();
    } finally {
      this.#spent[stage] += performance.now() - start;
    }
  }

  markFirstToken(): void {
    this.#firstToken ??= performance.now();
  }

  /** Milliseconds so far; the first token's time is 0 when there was none. */
  timings(): ComputeTimings {
    return {
      queue_ms: this.#spent.queue,
      encode_ms: this.#spent.encode,
      prefill_ms: this.#spent.prefill,
      decode_ms: this.#spent.decode,
      sample_ms: this.#spent.sample,
      ttft_ms: this.#firstToken === undefined ? 0 : this.#firstToken - this.#start,
      total_ms: performance.now() - this.#start,
    };
  }
}
