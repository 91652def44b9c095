import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { callAsync } from '../ffi/native-memory.js';

/**
 * What takes less is called on the thread that asks for it: another one takes some 0.1 ms to wake, on a core that holds nothing of what was
 * computed before. A draft of 68M parameters guessed 1.3 to 1.4 times as fast this way (Zen 5, one thread). Messages wait as long.
 */
const SHORT_MS = 25;
/** So long the event loop waits for its turn at most, a short call more or less: messages, cancellation. */
const TURN_MS = 4;

/** Calls native functions: those that take long beside the event loop, those that are known to be short within it. */
export class ShortCalls {
  #lastTurn_ms = performance.now();

  /** @param expected_ms what the call took before; absent where that is not known */
  async call<Arguments extends unknown[], Result>(
    expected_ms: number | undefined,
    bound: (...args: Arguments) => Result,
    ...args: Arguments
  ): Promise<Result> {
    if (expected_ms === undefined || expected_ms > SHORT_MS) {
      const result = await callAsync(bound, ...args);
      this.#lastTurn_ms = performance.now();
      return result;
    }
    const result = bound(...args);
    if (performance.now() - this.#lastTurn_ms > TURN_MS) {
      await turnOfEventLoop();
      this.#lastTurn_ms = performance.now();
    }
    return result;
  }
}
