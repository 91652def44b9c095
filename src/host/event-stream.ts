/**
 * Turns work that calls back into a stream: yields its events and returns its result.
 * A reader that leaves early aborts the signal the work was given, and waits for it to end.
 */
export async function* eventStream<Event, Result>(
  work: (onEvent: (event: Event) => void, signal: AbortSignal) => Promise<Result>,
  signal?: AbortSignal,
): AsyncGenerator<Event, Result, undefined> {
  const left = new AbortController();
  const events: Event[] = [];
  const state = { settled: false, wake: (): void => undefined };
  const onEvent = (event: Event): void => {
    events.push(event);
    state.wake();
  };
  const outcome = work(onEvent, signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])).finally(() => {
    state.settled = true;
    state.wake();
  });
  // An error is thrown by the loop, or the reader has left and wants none.
  outcome.catch(() => undefined);
  try {
    for (;;) {
      for (const event of events.splice(0)) yield event;
      if (events.length > 0) continue;
      if (state.settled) return await outcome;
      await new Promise<void>((resolve) => (state.wake = resolve));
    }
  } finally {
    left.abort();
    await outcome.catch(() => undefined);
  }
}
