import { expect, test } from 'vitest';
import { ShortCalls } from './short-calls.js';

/** A native function as koffi binds it, which notes how it was called. */
function bound(onCall: () => void = () => undefined) {
  const ways: string[] = [];
  const call = (x: number): number => {
    ways.push('here');
    onCall();
    return x + 1;
  };
  const async = (x: number, done: (error: null, result: number) => void): void => {
    ways.push('elsewhere');
    setImmediate(done, null, x + 1);
  };
  return { ways, native: Object.assign(call, { async }) };
}

test('what is known to be short is called on this thread, anything else on another', async () => {
  const { ways, native } = bound();
  const calls = new ShortCalls();
  expect(await calls.call(undefined, native, 1)).toBe(2);
  expect(await calls.call(1, native, 2)).toBe(3);
  expect(await calls.call(1000, native, 3)).toBe(4);
  expect(ways).toEqual(['elsewhere', 'here', 'elsewhere']);
});

test('messages arrive between short calls, however many come', async () => {
  const spin = (): void => {
    const start = performance.now();
    while (performance.now() - start < 1);
  };
  const { native } = bound(spin);
  const calls = new ShortCalls();
  const message = new AbortController();
  setImmediate(() => {
    message.abort();
  });
  let count = 0;
  while (!message.signal.aborted && count < 1000) count = await calls.call(1, native, count);
  expect(message.signal.aborted).toBe(true);
});

test('its error is the caller’s', async () => {
  const { native } = bound(() => {
    throw new Error('no');
  });
  await expect(new ShortCalls().call(1, native, 1)).rejects.toThrow('no');
});
