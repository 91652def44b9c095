import { EdgeVlmError } from '../core/errors.js';

export interface AdmissionOptions {
  /** Requests that run at once. */
  readonly slots: number;
  /** Requests that may wait. */
  readonly maxQueue: number;
  readonly now_ms?: () => number;
}

export interface AdmissionRequest {
  /** Whose request it is: clients take turns, however many requests each has waiting. */
  readonly client: string;
  /** Run it alone, so that what goes wrong is its own doing. Default false. */
  readonly alone?: boolean;
  /** Aborting takes it out of the queue; the reason is thrown. */
  readonly signal: AbortSignal;
}

/** A place among those that run. */
export interface Admission {
  readonly queue_ms: number;
  /** Gives the place back; more than once does nothing. */
  readonly release: () => void;
}

interface Waiting {
  readonly client: string;
  readonly alone: boolean;
  readonly admit: () => void;
}

/** Requests take this long until some have ended, seconds. */
const FIRST_GUESS_S = 1;
const LONGEST_RETRY_S = 120;
/** Weight of the newest request in the mean time that one takes. */
const SMOOTHING = 0.2;

/** Who may run, who waits and who is sent away. Bounded: what does not fit is refused at once, with the time after which to come again. */
export class AdmissionQueue {
  readonly #waiting: Waiting[] = [];
  readonly #served = new Map<string, number>();
  #turn = 0;
  #running = 0;
  #aloneRuns = false;
  #mean_s = FIRST_GUESS_S;
  readonly #now_ms: () => number;

  constructor(private readonly options: AdmissionOptions) {
    this.#now_ms = options.now_ms ?? (() => performance.now());
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whole seconds after which a place should be free, at the pace of the last requests. */
  get retryAfter_s(): number {
    const rounds = (this.#waiting.length + 1) / this.options.slots;
    return Math.min(LONGEST_RETRY_S, Math.max(1, Math.ceil(rounds * this.#mean_s)));
  }

  /**
   * Waits for a place.
   * @throws QUEUE_FULL at once when too many wait; the signal's reason
   */
  async enter({ client, alone = false, signal }: AdmissionRequest): Promise<Admission> {
    signal.throwIfAborted();
    const arrived = this.#now_ms();
    if (this.#waiting.length === 0 && this.#canRun(alone)) this.#start(client, alone);
    else await this.#wait(client, alone, signal);
    return this.#admission(arrived, alone);
  }

  async #wait(client: string, alone: boolean, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.options.maxQueue) throw this.refusal();
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(EdgeVlmError.from(signal.reason));
        this.#admitNext();
      };
      const waiting: Waiting = {
        client,
        alone,
        admit: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** What a request is told for which there is no place. */
  refusal(): EdgeVlmError {
    return new EdgeVlmError('QUEUE_FULL', `${this.#running} requests run and ${this.#waiting.length} wait`);
  }

  #admission(arrived: number, alone: boolean): Admission {
    const began = this.#now_ms();
    let released = false;
    return {
      queue_ms: began - arrived,
      release: () => {
        if (released) return;
        released = true;
        this.#running--;
        if (alone) this.#aloneRuns = false;
        this.#mean_s += SMOOTHING * ((this.#now_ms() - began) / 1000 - this.#mean_s);
        this.#admitNext();
      },
    };
  }

  #canRun(alone: boolean): boolean {
    if (this.#aloneRuns) return false;
    return alone ? this.#running === 0 : this.#running < this.options.slots;
  }

  #start(client: string, alone: boolean): void {
    this.#running++;
    if (alone) this.#aloneRuns = true;
    // Re-inserted, so that the map stays in the order of turns and the oldest can be forgotten.
    this.#served.delete(client);
    this.#served.set(client, ++this.#turn);
    const [oldest] = this.#served.keys();
    if (oldest !== undefined && this.#served.size > this.options.maxQueue + this.options.slots) this.#served.delete(oldest);
  }

  #admitNext(): void {
    for (;;) {
      const next = this.#nextInTurn();
      if (next === undefined || !this.#canRun(next.alone)) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#start(next.client, next.alone);
      next.admit();
    }
  }

  /** The client that has waited longest for a turn; among its requests the first. */
  #nextInTurn(): Waiting | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (next === undefined || this.#lastTurn(waiting) < this.#lastTurn(next)) next = waiting;
    }
    return next;
  }

  #lastTurn({ client }: Waiting): number {
    return this.#served.get(client) ?? 0;
  }
}
