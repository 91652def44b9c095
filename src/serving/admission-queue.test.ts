import { describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { AdmissionQueue } from './admission-queue.js';
import { CoolingPause } from './cooling-pause.js';

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

describe('the freshest', () => {
  /** What each request in the queue became, in the order in which that was known. */
  function recorded(queue: AdmissionQueue): { log: string[]; enter: (name: string, source?: string, client?: string) => Promise<void> } {
    const log: string[] = [];
    const enter = async (name: string, source?: string, client = 'a'): Promise<void> => {
      try {
        const { release } = await queue.enter({ client, signal: never, freshest: source === undefined ? undefined : { source } });
        log.push(name);
        release();
      } catch (thrown) {
        log.push(`${name} ${thrown instanceof EdgeVlmError ? thrown.code : String(thrown)}`);
      }
    };
    return { log, enter };
  }

  it('take the place of older ones of their source and client, of no other, and count as one', async () => {
    const queue = new AdmissionQueue({ slots: 1, maxQueue: 3 });
    const { log, enter } = recorded(queue);
    const { release } = await queue.enter({ client: 'z', signal: never });
    const all = [
      enter('door 1', 'door'),
      enter('yard 1', 'yard'),
      enter('door 1 of b', 'door', 'b'),
      enter('door 2', 'door'),
      enter('full'),
    ];
    await turn();
    expect([log.toSorted(), queue.waiting, queue.superseded]).toEqual([['door 1 SUPERSEDED', 'full QUEUE_FULL'], 3, 1]);
    release();
    await Promise.all(all);
    expect(log.slice(2).toSorted()).toEqual(['door 1 of b', 'door 2', 'yard 1']);
  });

  it('are served newest first, in turn with what is not of them', async () => {
    const queue = new AdmissionQueue({ slots: 1, maxQueue: 10 });
    const { log, enter } = recorded(queue);
    const { release } = await queue.enter({ client: 'a', signal: never });
    const all = [enter('1'), enter('2'), enter('3'), enter('4'), enter('cam 1', 'x'), enter('cam 2', 'y'), enter('cam 3', 'z')];
    release();
    await Promise.all(all);
    expect(log).toEqual(['cam 3', '1', 'cam 2', '2', 'cam 1', '3', '4']);
  });
});

describe('a pause', () => {
  it('lets nothing begin for a while after an inference, and is counted', async () => {
    const pause = new CoolingPause({ pause_ms: 30, temperature: () => null });
    const queue = new AdmissionQueue({ slots: 1, maxQueue: 10, pause });
    const first = await queue.enter({ client: 'a', signal: never });
    first.release();
    expect([pause.isOn, pause.count]).toEqual([true, 1]);
    // It waits although nothing runs; nothing but the pause's end can let it in.
    const second = await queue.enter({ client: 'a', signal: never });
    expect([second.queue_ms > 0, pause.isOn, queue.running]).toEqual([true, false, 1]);
    expect(pause.total_ms).toBeGreaterThan(0);
  });

  it('is left out while the board is cool', async () => {
    let temperature = 50;
    const pause = new CoolingPause({ pause_ms: 1, above_celsius: 70, temperature: () => temperature });
    const queue = new AdmissionQueue({ slots: 1, maxQueue: 10, pause });
    (await queue.enter({ client: 'a', signal: never })).release();
    expect([pause.isOn, pause.next_ms]).toEqual([false, 0]);
    temperature = 71;
    (await queue.enter({ client: 'a', signal: never })).release();
    expect([pause.isOn, pause.next_ms]).toEqual([true, 1]);
  });
});
