import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../core/clock.js';

/** Timers are late by one to two milliseconds; for the rest the event loop is turned until the time has come. */
const TURNED_MS = 3;

/**
 * Yields the index of each start when its time has come: open-loop load, which does not wait for answers. A start whose time is over
 * comes at once, so a late one delays no other. Turning the loop keeps one core busy for the last 3 ms before a start.
 * @param times_ms of the clock, ascending
 * @throws the signal's reason when it aborts
 */
export async function* startOnTime(
  times_ms: readonly number[],
  { clock = systemClock, signal }: { readonly clock?: Clock; readonly signal?: AbortSignal } = {},
): AsyncGenerator<number, void, void> {
  for (const [index, time_ms] of times_ms.entries()) {
    signal?.throwIfAborted();
    const rest_ms = time_ms - clock.now_ms();
    if (rest_ms > TURNED_MS) await sleep(rest_ms - TURNED_MS, undefined, { signal });
    while (clock.now_ms() < time_ms) {
      signal?.throwIfAborted();
      await nextTurn();
    }
    yield index;
  }
}
