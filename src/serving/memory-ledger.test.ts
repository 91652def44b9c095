import { describe, expect, it } from 'vitest';
import { type MemoryHolder, MemoryLedger } from './memory-ledger.js';

const MB = 1024 * 1024;
const holder = (name: string, bytes: number | null, ...pids: number[]): MemoryHolder => ({ name, bytes, pids: () => pids });
/** Process 7 holds 30 MB, every other is not known. */
const resident = (pids: readonly number[]): number | null => (pids.includes(7) ? 30 * MB : null);

describe('with so many bytes for all models', () => {
  const ledger = new MemoryLedger({ budget: 100 * MB, available: () => 0, resident });
  const [a, b] = [holder('a', 60 * MB, 7), holder('b', null)];

  it('a model fits beside the others, or in the place of one', () => {
    expect(ledger.fits(101 * MB)).toBe(false);
    ledger.hold(a);
    ledger.hold(b);
    expect([ledger.free(), ledger.fits(40 * MB), ledger.fits(41 * MB), ledger.fits(100 * MB, a)]).toEqual([40 * MB, true, false, true]);
    ledger.release(a);
    expect(ledger.free()).toBe(100 * MB);
  });

  it('a refusal says what is needed, what is free and what could be unloaded', () => {
    ledger.hold(a);
    const { code, message } = ledger.refusal('c', 50 * MB);
    expect(code).toBe('MEMORY_BUDGET');
    expect(message).toContain(`needs ${50 * MB} bytes`);
    expect(message).toContain(`${40 * MB} are free`);
    expect(message).toContain(`a (${60 * MB} bytes)`);
  });
});

describe('with what the machine has', () => {
  it('what was promised and is not taken yet is not free', () => {
    const ledger = new MemoryLedger({ budget: 'auto', available: () => 500 * MB, resident });
    expect(ledger.fits(10_000 * MB)).toBe(true);
    ledger.hold(holder('loaded', 50 * MB, 7));
    ledger.hold(holder('loading', 100 * MB));
    // 64 MB are kept; of the loaded one 20 are still to come.
    expect(ledger.free()).toBe((500 - 64 - 20 - 100) * MB);
    expect([ledger.fits(316 * MB), ledger.fits(317 * MB), ledger.fits(null)]).toEqual([true, false, true]);
  });

  it('who leaves gives back what it holds', () => {
    const ledger = new MemoryLedger({ budget: 'auto', available: () => 100 * MB, resident });
    const [a, b] = [holder('a', 50 * MB, 7), holder('b', 10 * MB, 7)];
    ledger.hold(a);
    ledger.hold(b);
    expect(ledger.free(a)).toBe((100 - 64 + 30) * MB);
    ledger.release(b);
    // Alone the next is left to the engine, which looks itself.
    expect([ledger.fits(1000 * MB), ledger.fits(1000 * MB, a)]).toEqual([false, true]);
  });
});
