import { once } from 'node:events';
import { EdgeVlmError } from '../../core/errors.js';
import { Interruption } from './hub-fetch.js';
import { Patience } from './patience.js';

/** How long to go on against a bad line. */
export interface Persistence {
  /** Attempts in a row that may fail without a new byte. Default 5. */
  readonly retries?: number;
  /** Wait before the first retry, milliseconds; it doubles, up to 16 times itself. Default 500. */
  readonly backoff_ms?: number;
  /** Silence after which a request is given up, milliseconds. Default 30,000. */
  readonly stall_ms?: number;
}

export interface Attempt<T> {
  readonly run: (patience: Patience) => Promise<T>;
  /** Grows while the work gets on; then failures are counted from the start again. */
  readonly reached?: () => number;
  /** Any of them ends it. */
  readonly signals: readonly AbortSignal[];
  /** What to tell when it is given up. */
  readonly what: string;
}

/** @throws EdgeVlmError CANCELLED, DOWNLOAD_FAILED when retries are used up, and what `run` throws other than an Interruption. */
export async function withRetries<T>({ run, reached = () => 0, signals, what }: Attempt<T>, persistence: Persistence = {}): Promise<T> {
  const { retries = 5, backoff_ms = 500, stall_ms = 30_000 } = persistence;
  let best = reached();
  for (let failures = 1; ; failures++) {
    using patience = new Patience(signals, stall_ms);
    try {
      return await run(patience);
    } catch (thrown) {
      if (signals.some(({ aborted }) => aborted))
        throw new EdgeVlmError('CANCELLED', `${what} was stopped; what is here is kept`, { cause: thrown });
      const interruption = patience.exhausted ? new Interruption(`nothing came for ${stall_ms / 1000} s`, { cause: thrown }) : thrown;
      if (!(interruption instanceof Interruption)) throw thrown;
      if (reached() > best) failures = 1;
      best = Math.max(best, reached());
      if (failures > retries) throw new EdgeVlmError('DOWNLOAD_FAILED', `${what} failed: ${interruption.message}`, { cause: interruption });
      const wait_ms = Math.max(backoff_ms * 2 ** Math.min(failures - 1, 4), interruption.options.retryAfter_ms ?? 0);
      await pause(wait_ms, signals);
    }
  }
}

/** Waits, or returns when one of the signals does not want to; the next attempt sees that. */
async function pause(wait_ms: number, signals: readonly AbortSignal[]): Promise<void> {
  using wait = new Patience(signals, wait_ms);
  if (!wait.signal.aborted) await once(wait.signal, 'abort');
}
