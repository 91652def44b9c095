import { describe, expect, it } from 'vitest';
import { AdmissionQueue } from './admission-queue.js';

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function queueOf(
  slots: number,
  maxQueue: number,
): { queue: AdmissionQueue; order: string[]; enter: (client: string, alone?: boolean) => Promise<() => void> } {
  const queue = new AdmissionQueue({ slots, maxQueue });
  const order: string[] = [];
  const enter = async (client: string, alone = false): Promise<() => void> => {
    const { release } = await queue.enter({ client, alone, signal: never });
    order.push(client);
    return release;
  };
  return { queue, order, enter };
}

describe('the queue', () => {
  it('lets in as many as there are places, and the next when one is free', async () => {
    const { queue, order, enter } = queueOf(2, 5);
    const [first] = await Promise.all([enter('a'), enter('b')]);
    const third = enter('c');
    await turn();
    expect([queue.running, queue.waiting, order]).toEqual([2, 1, ['a', 'b']]);
    first();
    first();
    await third;
    expect([queue.running, queue.waiting, order]).toEqual([2, 0, ['a', 'b', 'c']]);
  });

  it('refuses what does not fit', async () => {
    const { queue, enter } = queueOf(1, 1);
    await enter('a');
    void enter('b');
    await expect(enter('c')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(queue.retryAfter_s).toBeGreaterThanOrEqual(1);
  });

  it('lets clients take turns', async () => {
    const { order, enter } = queueOf(1, 10);
    const first = await enter('a');
    // Each gives its place back as soon as it has it.
    const waiting = ['a', 'a', 'a', 'b', 'c', 'b'].map(async (client) => {
      (await enter(client))();
    });
    first();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'a']);
  });

  it('forgets one that leaves, with its reason', async () => {
    const { queue, enter } = queueOf(1, 1);
    const release = await enter('a');
    const left = new AbortController();
    const waiting = queue.enter({ client: 'b', signal: left.signal });
    left.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(queue.waiting).toBe(0);
    release();
    await enter('c');
  });

  it('runs one alone where that is asked for, and nobody beside it', async () => {
    const { order, enter } = queueOf(3, 10);
    const first = await enter('a');
    const alone = enter('b', true);
    const last = enter('c');
    await turn();
    expect(order).toEqual(['a']);
    first();
    const second = await alone;
    await turn();
    expect(order).toEqual(['a', 'b']);
    second();
    await last;
    expect(order).toEqual(['a', 'b', 'c']);
  });
});
