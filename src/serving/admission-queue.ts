import { EdgeVlmError } from '../core/errors.js';
import type { CoolingPause } from './cooling-pause.js';

export interface AdmissionOptions {
  /** Requests that run at once. */
  readonly slots: number;
  /** Requests that may wait. */
  readonly maxQueue: number;
  /** Default: the next request begins as soon as there is a place. */
  readonly pause?: CoolingPause;
  readonly now_ms?: () => number;
}

export interface AdmissionRequest {
  /** Whose request it is: clients take turns, however many requests each has waiting. */
  readonly client: string;
  /** Run it alone, so that what goes wrong is its own doing. Default false. */
  readonly alone?: boolean;
  /** Present where only the newest of what a source sends is of use. */
  readonly freshest?: Freshest | undefined;
  /** Aborting takes it out of the queue; the reason is thrown. */
  readonly signal: AbortSignal;
}

/** A request that stands for the newest state of something: a camera's picture. */
export interface Freshest {
  /** Which of the client's sources it is of. */
  readonly source: string;
}

/** A place among those that run. */
export interface Admission {
  readonly queue_ms: number;
  /** Gives the place back; more than once does nothing. */
  readonly release: () => void;
}

interface Waiting extends Pick<AdmissionRequest, 'client' | 'freshest'> {
  readonly alone: boolean;
  readonly admit: () => void;
  readonly supersede: () => void;
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
  /** Whether the last one that was let in was one of the freshest. */
  #freshestHadTurn = false;
  #superseded = 0;
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

  /** Requests whose place a newer one of the same source took. */
  get superseded(): number {
    return this.#superseded;
  }

  /** Of this queue or of all, where there is any. */
  get pause(): CoolingPause | undefined {
    return this.options.pause;
  }

  /** Whole seconds after which a place should be free, at the pace of the last requests. */
  get retryAfter_s(): number {
    const rounds = (this.#waiting.length + 1) / this.options.slots;
    const each_s = this.#mean_s + (this.options.pause?.next_ms ?? 0) / 1000;
    return Math.min(LONGEST_RETRY_S, Math.max(1, Math.ceil(rounds * each_s)));
  }

  /**
   * Waits for a place. Clients take turns, and of one client the freshest are served newest first, everything else as it came; where
   * both wait, every second place is for the freshest.
   * @throws QUEUE_FULL at once when too many wait; SUPERSEDED when a newer request of the same source comes; the signal's reason
   */
  async enter({ client, alone = false, freshest, signal }: AdmissionRequest): Promise<Admission> {
    signal.throwIfAborted();
    const arrived = this.#now_ms();
    if (this.#waiting.length === 0 && this.#canRun(alone)) this.#start(client, alone);
    else await this.#wait({ client, alone, freshest }, signal);
    return this.#admission(arrived, alone);
  }

  async #wait({ client, alone, freshest }: Pick<Waiting, 'client' | 'alone' | 'freshest'>, signal: AbortSignal): Promise<void> {
    if (freshest !== undefined) {
      this.#waiting.find((older) => older.client === client && older.freshest?.source === freshest.source)?.supersede();
    }
    if (this.#waiting.length >= this.options.maxQueue) throw this.refusal();
    await new Promise<void>((resolve, reject) => {
      const remove = (): void => {
        signal.removeEventListener('abort', leave);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      };
      const leave = (): void => {
        remove();
        reject(EdgeVlmError.from(signal.reason));
        this.#admitNext();
      };
      const waiting: Waiting = {
        client,
        alone,
        freshest,
        admit: () => {
          remove();
          resolve();
        },
        supersede: () => {
          remove();
          this.#superseded++;
          reject(new EdgeVlmError('SUPERSEDED', 'a newer request of the same source took its place'));
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      // In a pause nothing may be running whose end would let it in.
      if (this.options.pause?.isOn === true) this.options.pause.whenOver(this.#admitNext);
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
        this.options.pause?.begin();
        this.#mean_s += SMOOTHING * ((this.#now_ms() - began) / 1000 - this.#mean_s);
        this.#admitNext();
      },
    };
  }

  #canRun(alone: boolean): boolean {
    if (this.#aloneRuns || this.options.pause?.isOn === true) return false;
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

  readonly #admitNext = (): void => {
    for (;;) {
      const next = this.#nextInTurn();
      if (next === undefined) return;
      if (!this.#canRun(next.alone)) {
        if (this.options.pause?.isOn === true) this.options.pause.whenOver(this.#admitNext);
        return;
      }
      this.#freshestHadTurn = next.freshest !== undefined;
      this.#start(next.client, next.alone);
      next.admit();
    }
  };

  #nextInTurn(): Waiting | undefined {
    const freshest = this.#firstInTurn(this.#waiting.filter((waiting) => waiting.freshest !== undefined).reverse());
    const ordinary = this.#firstInTurn(this.#waiting.filter((waiting) => waiting.freshest === undefined));
    if (freshest === undefined || ordinary === undefined) return freshest ?? ordinary;
    return this.#freshestHadTurn ? ordinary : freshest;
  }

  /** The client that has waited longest for a turn; among its requests the first. */
  #firstInTurn(waiting: readonly Waiting[]): Waiting | undefined {
    let next: Waiting | undefined;
    for (const one of waiting) {
      if (next === undefined || this.#lastTurn(one) < this.#lastTurn(next)) next = one;
    }
    return next;
  }

  #lastTurn({ client }: Waiting): number {
    return this.#served.get(client) ?? 0;
  }
}
