import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { Logger } from '../core/logger.js';
import type { OpenRuntime } from '../core/runtime.js';
import { MemoryLedger } from './memory-ledger.js';
import { ModelPool } from './model-pool.js';
import type { ServableModel } from './servable-model.js';

const never = new AbortController().signal;

/** A model whose process is opened when the test says so. */
class Gate {
  opened = 0;
  closed = 0;
  failure: EdgeVlmError | undefined;
  #let: (() => void)[] = [];
  isOpen = true;

  readonly open = async (signal: AbortSignal): Promise<OpenRuntime> => {
    if (!this.isOpen) {
      await new Promise<void>((resolve, reject) => {
        this.#let.push(resolve);
        signal.addEventListener('abort', () => {
          reject(new EdgeVlmError('CANCELLED', 'given up'));
        });
      });
    }
    if (this.failure !== undefined) throw this.failure;
    this.opened++;
    let isClosed = false;
    const close = (): Promise<void> => {
      if (!isClosed) this.closed++;
      isClosed = true;
      return Promise.resolve();
    };
    const description = {
      ...{ name: 'm', architecture: 'llama', precision: 'F16', parameters: 1, contextLength: 1, vocabularySize: 1 },
      ...{ vision: null, weightBytes: 1, cacheBytes: 1, load_ms: 1, warnings: [] },
    };
    const generate = (): never => {
      throw new Error('nobody asks');
    };
    return { generator: { description, generate, close }, effectivePrecision: 'F16', load_ms: 1, pids: () => [], close };
  };

  pass(): void {
    this.isOpen = true;
    for (const resolve of this.#let.splice(0)) resolve();
  }
}

function model(name: string, { gate = new Gate(), bytes = 10 }: { gate?: Gate; bytes?: number } = {}): ServableModel {
  const preparePicture: ServableModel['preparePicture'] = () => Promise.reject(new Error('nobody sends one'));
  return { names: [name, `${name}.gguf`], identity: randomUUID(), runtime: 'null', layers: 1, bytes, preparePicture, open: gate.open };
}

function poolOf(budget = 100): ModelPool {
  const ledger = new MemoryLedger({ budget, available: () => Infinity, resident: () => null });
  return new ModelPool({ ledger, logger: new Logger({ sink: () => undefined }), admission: { slots: 1, maxQueue: 1 } });
}

const unknown = expect.objectContaining({ code: 'MODEL_UNKNOWN' }) as Error;

describe('requests go', () => {
  it('to the model they name, by any of its names, else to the first', async () => {
    const pool = poolOf();
    await Promise.all([pool.load(model('a')).done, pool.load(model('b')).done]);
    expect([pool.nameOf(), pool.nameOf(''), pool.nameOf('b.gguf'), pool.nameOf('b')]).toEqual(['a', 'a', 'b', 'b']);
    expect(() => pool.nameOf('c')).toThrow(unknown);
    await pool.unload('a');
    expect(pool.nameOf()).toBe('b');
    await pool.close();
  });

  it('to a model that is being loaded once it is there, or get the reason why it is not', async () => {
    const pool = poolOf();
    const gate = new Gate();
    gate.isOpen = false;
    pool.load(model('slow', { gate }));
    const waiting = pool.acquire('slow', never);
    gate.pass();
    expect((await waiting).model.name).toBe('slow');
    gate.isOpen = false;
    gate.failure = new EdgeVlmError('OUT_OF_MEMORY', 'there is none');
    const { done } = pool.load(model('broken', { gate }));
    const lost = pool.acquire('broken', never);
    gate.pass();
    await expect(lost).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    await expect(done).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect([pool.failures.get('broken')?.code, pool.ledger.free()]).toEqual(['OUT_OF_MEMORY', 90]);
    (await waiting).release();
    await pool.close();
  });
});

describe('a model that takes the name of another', () => {
  it('is loaded beside it where memory allows, and requests in flight finish on the old one', async () => {
    const pool = poolOf();
    const [old, young] = [new Gate(), new Gate()];
    await pool.load(model('a', { gate: old })).done;
    const inFlight = await pool.acquire('a', never);
    young.isOpen = false;
    const load = pool.load(model('a', { gate: young }));
    expect(load.how).toBe('beside');
    const meanwhile = await pool.acquire('a', never);
    expect(meanwhile.model).toBe(inFlight.model);
    young.pass();
    await load.done;
    const next = await pool.acquire('a', never);
    expect(next.model).not.toBe(inFlight.model);
    expect([inFlight.model.state, old.closed, pool.ledger.free()]).toEqual(['stopping', 0, 80]);
    inFlight.release();
    expect(pool.all.map(({ state }) => state)).toEqual(['ready', 'stopping']);
    meanwhile.release();
    await vi.waitFor(() => {
      expect([old.closed, pool.ledger.free(), pool.all]).toEqual([1, 90, [next.model]]);
    });
    next.release();
    await pool.close();
  });

  it('waits until the old one is through where memory does not hold both; requests wait and none is lost', async () => {
    const pool = poolOf(15);
    const [old, young] = [new Gate(), new Gate()];
    await pool.load(model('a', { gate: old })).done;
    const inFlight = await pool.acquire('a', never);
    const load = pool.load(model('a', { gate: young }));
    expect(load.how).toBe('after');
    const next = pool.acquire('a', never);
    expect([old.closed, young.opened]).toEqual([0, 0]);
    inFlight.release();
    await load.done;
    expect([old.closed, young.opened, (await next).model === inFlight.model]).toEqual([1, 1, false]);
    expect(pool.ledger.free()).toBe(5);
    (await next).release();
    await pool.close();
  });

  it('and cannot be loaded leaves the old one in its place, or brings it back', async () => {
    for (const budget of [100, 15]) {
      const pool = poolOf(budget);
      const [old, broken] = [new Gate(), new Gate()];
      await pool.load(model('a', { gate: old })).done;
      broken.failure = new EdgeVlmError('GGUF_INVALID', 'damaged');
      const { done } = pool.load(model('a', { gate: broken }));
      const meanwhile = pool.acquire('a', never);
      await expect(done).rejects.toMatchObject({ code: 'GGUF_INVALID' });
      const { model: answering, release } = await meanwhile;
      release();
      expect([answering.state, old.opened, pool.ledger.free()]).toEqual(['ready', budget === 100 ? 1 : 2, budget - 10]);
      await pool.close();
    }
  });

  it('is not loaded twice, and not while another is under way', async () => {
    const pool = poolOf();
    const gate = new Gate();
    gate.isOpen = false;
    const first = model('a', { gate });
    const load = pool.load(first);
    expect(pool.load(first)).toEqual({ how: 'unchanged', done: load.done });
    expect(() => pool.load(model('a'))).toThrow(expect.objectContaining({ code: 'MODEL_BUSY' }) as Error);
    gate.pass();
    await load.done;
    expect([pool.load(first).how, gate.opened]).toEqual(['unchanged', 1]);
    await pool.close();
  });
});

describe('memory', () => {
  it('that is not there is refused before anything is opened', async () => {
    const pool = poolOf(25);
    const gate = new Gate();
    await Promise.all([pool.load(model('a')).done, pool.load(model('b')).done]);
    expect(() => pool.load(model('c', { gate }))).toThrow(expect.objectContaining({ code: 'MEMORY_BUDGET' }) as Error);
    expect(() => pool.load(model('a', { gate, bytes: 16 }))).toThrow(expect.objectContaining({ code: 'MEMORY_BUDGET' }) as Error);
    expect([gate.opened, pool.answering.map(({ name }) => name)]).toEqual([0, ['a', 'b']]);
    await pool.unload('b');
    await pool.load(model('c', { gate })).done;
    expect(gate.opened).toBe(1);
    await pool.close();
  });
});

describe('a model that is unloaded', () => {
  it('finishes what it was asked and takes no more', async () => {
    const pool = poolOf();
    const gate = new Gate();
    await pool.load(model('a', { gate })).done;
    const inFlight = await pool.acquire('a', never);
    const gone = pool.unload('a');
    await expect(pool.acquire('a', never)).rejects.toEqual(unknown);
    expect(gate.closed).toBe(0);
    inFlight.release();
    await gone;
    expect([gate.closed, pool.ledger.free(), pool.all]).toEqual([1, 100, []]);
  });

  it('while it is being loaded is given up', async () => {
    const pool = poolOf();
    const gate = new Gate();
    gate.isOpen = false;
    const load = pool.load(model('a', { gate }));
    const waiting = pool.acquire('a', never);
    await pool.unload('a');
    await expect(waiting).rejects.toEqual(unknown);
    await expect(load.done).rejects.toMatchObject({ code: 'CANCELLED' });
    expect([gate.opened, pool.ledger.free(), pool.failures.size]).toEqual([0, 100, 0]);
    const again = new Gate();
    await pool.load(model('a', { gate: again })).done;
    expect(again.opened).toBe(1);
    await pool.close();
    expect(() => pool.load(model('a'))).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }) as Error);
  });
});
