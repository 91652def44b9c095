/**
 * Works on several items at a time and takes the next one when one is finished.
 * @param work is handed a signal that aborts with `signal`, and when the work on another item failed
 * @returns the results in the order of the items, up to the first item that was not finished: all of them unless `signal` aborted
 * @throws the first failure, after all work has ended, unless `signal` aborted
 */
export async function inLanes<Item, Result>(
  items: AsyncIterable<Item>,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  lanes: number,
  signal?: AbortSignal,
): Promise<Result[]> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const source = items[Symbol.asyncIterator]();
  const results = new Map<number, Result>();
  const failures: unknown[] = [];
  let taken = 0;
  const lane = async (): Promise<void> => {
    try {
      while (!either.aborted) {
        const index = taken++;
        // An async generator answers in the order it was asked.
        const next = await source.next();
        if (next.done === true) return;
        results.set(index, await work(next.value, either));
      }
    } catch (thrown) {
      failures.push(thrown);
      stop.abort();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await source.return?.();
  if (failures.length > 0 && signal?.aborted !== true) throw failures[0];
  const finished: Result[] = [];
  for (let result = results.get(0); result !== undefined; result = results.get(finished.length)) finished.push(result);
  return finished;
}
