import { setTimeout } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { inLanes } from './in-lanes.js';

async function* numbers(count: number, onReturn: () => void = () => undefined): AsyncGenerator<number, void, void> {
  try {
    for (let at = 0; at < count; at++) {
      await Promise.resolve();
      yield at;
    }
  } finally {
    onReturn();
  }
}

it.each([1, 2, 5, 20])('gives results in the order of the items with %i lanes', async (lanes) => {
  // The first items take longest.
  const work = async (item: number): Promise<number> => setTimeout(10 - item, 10 * item);
  expect(await inLanes(numbers(8), work, lanes)).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
});

it('a failure stops the other work and is thrown when that has ended', async () => {
  let ended = 0;
  let returned = false;
  const work = async (item: number, signal: AbortSignal): Promise<number> => {
    if (item === 1) throw new Error('one is wrong');
    await setTimeout(10_000, undefined, { signal }).catch(() => undefined);
    ended++;
    return item;
  };
  const items = numbers(100, () => (returned = true));
  await expect(inLanes(items, work, 3)).rejects.toThrow('one is wrong');
  expect([ended, returned]).toEqual([2, true]);
});

it('when it is stopped it gives what comes before the first unfinished item', async () => {
  const controller = new AbortController();
  const work = async (item: number, signal: AbortSignal): Promise<number> => {
    if (item === 3) controller.abort();
    if (item === 2) await setTimeout(10_000, undefined, { signal });
    return item;
  };
  expect(await inLanes(numbers(100), work, 2, controller.signal)).toEqual([0, 1]);
});
