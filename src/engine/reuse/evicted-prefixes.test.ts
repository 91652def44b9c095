import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import type { TokenCopies } from '../kv-cache/kv-cache.js';
import { EvictedPrefixes } from './evicted-prefixes.js';
import { commonPrefix, type Past } from './past.js';
import { PrefixCache } from './prefix-cache.js';

/** A token is stored as four bytes, and a page has 32 of them. */
const TOKEN_BYTES = 4;
const PAGE_BYTES = 32 * TOKEN_BYTES;

/** A cache whose tokens are numbers, so that it shows what came back. */
class NumberCache implements TokenCopies {
  readonly tokenBytes = TOKEN_BYTES;
  readonly copies = this;
  readonly held = new Map<number, number[]>();
  saves = 0;

  constructor(private readonly cells = Infinity) {}

  get used(): number {
    return [...this.held.values()].reduce((sum, { length }) => sum + length, 0);
  }

  of(sequence: number): number[] {
    return this.held.get(sequence) ?? [];
  }

  length(sequence: number): number {
    return this.of(sequence).length;
  }

  append(sequence: number, tokens: readonly number[]): void {
    if (this.used + tokens.length > this.cells) throw new EdgeVlmError('CONTEXT_FULL', 'full');
    this.held.set(sequence, [...this.of(sequence), ...tokens]);
  }

  truncate(sequence: number, length: number): void {
    if (length === 0) this.held.delete(sequence);
    else this.held.set(sequence, this.of(sequence).slice(0, length));
  }

  share(from: number, to: number, length: number): number {
    this.append(to, this.of(from).slice(0, length));
    return this.length(to);
  }

  save(sequence: number, from: number, count: number, page: Uint8Array): void {
    this.saves += count;
    new Int32Array(page.buffer).set(this.of(sequence).slice(from, from + count));
  }

  restore(sequence: number, page: Uint8Array, from: number, count: number): void {
    this.append(sequence, [...new Int32Array(page.buffer).slice(from, from + count)]);
  }
}

const text = (...tokens: number[]): Past => ({ tokens, images: [] });
const repeat = (token: number, count: number): number[] => Array.from({ length: count }, () => token);
const always = (): boolean => true;

/** Stores a past as a sequence that is evicted. */
function keep(cache: NumberCache, evicted: EvictedPrefixes, past: Past): void {
  cache.held.set(-1, Array.from(past.tokens));
  evicted.keep(-1, past);
  cache.truncate(-1, 0);
}

/** What comes back of a prompt. */
function restored(cache: NumberCache, evicted: EvictedPrefixes, prompt: Past, have = 0): number[] {
  cache.held.set(-2, Array.from(prompt.tokens).slice(0, have));
  while (evicted.restore(-2, prompt, cache.length(-2)) > 0);
  const got = cache.of(-2);
  cache.truncate(-2, 0);
  return got;
}

describe('pasts in memory', () => {
  test('come back as far as a prompt begins with them, from wherever it is already', () => {
    const cache = new NumberCache();
    const evicted = new EvictedPrefixes(cache, 100 * PAGE_BYTES, always);
    const past = [...repeat(1, 50), ...repeat(2, 30)];
    keep(cache, evicted, text(...past));
    expect(evicted.common(text(...past, 9))).toBe(80);
    expect(restored(cache, evicted, text(...past, 9))).toEqual(past);
    expect(restored(cache, evicted, text(...repeat(1, 45), 7), 40)).toEqual(repeat(1, 45));
    expect(restored(cache, evicted, text(7, 7))).toEqual([]);
  });

  test('what two have in common lies there once, and stays as long as either does', () => {
    const cache = new NumberCache();
    const evicted = new EvictedPrefixes(cache, 5 * PAGE_BYTES, always);
    const [long, first, second] = [repeat(1, 64), repeat(2, 32), repeat(3, 32)];
    keep(cache, evicted, text(...long, ...first));
    keep(cache, evicted, text(...long, ...second));
    expect([cache.saves, evicted.usedBytes]).toEqual([128, 4 * PAGE_BYTES]);
    // The same again, a part of it, and what is hardly more, cost nothing.
    for (const past of [text(...long, ...second), text(...long), text(...long, ...second, ...repeat(4, 15))]) keep(cache, evicted, past);
    expect(cache.saves).toBe(128);
    expect(restored(cache, evicted, text(...long, ...first))).toEqual([...long, ...first]);
    // The second was not used for longest, and the first cannot go without it.
    keep(cache, evicted, text(...repeat(5, 64)));
    expect(restored(cache, evicted, text(...long, ...first))).toEqual([...long, ...first]);
    expect(restored(cache, evicted, text(...long, ...second))).toEqual(long);
    expect(evicted.usedBytes).toBe(5 * PAGE_BYTES);
  });

  test('what is larger than the room is kept in part, and what is too short not at all', () => {
    const cache = new NumberCache();
    const evicted = new EvictedPrefixes(cache, 2 * PAGE_BYTES + 5, always);
    keep(cache, evicted, text(...repeat(1, 15)));
    expect(evicted.usedBytes).toBe(0);
    keep(cache, evicted, text(...repeat(1, 100)));
    expect(restored(cache, evicted, text(...repeat(1, 200)))).toEqual(repeat(1, 64));
    expect(EvictedPrefixes.of(cache, PAGE_BYTES - 1)).toBeNull();
    expect(EvictedPrefixes.of({}, 100 * PAGE_BYTES)).toBeNull();
  });

  test('where the machine has no more memory, older ones make room', () => {
    const cache = new NumberCache();
    let left = 2 * PAGE_BYTES;
    const take = (bytes: number): boolean => {
      const fits = bytes <= left;
      if (fits) left -= bytes;
      return fits;
    };
    const evicted = new EvictedPrefixes(cache, 100 * PAGE_BYTES, take);
    keep(cache, evicted, text(...repeat(1, 64)));
    keep(cache, evicted, text(...repeat(2, 32)));
    expect(evicted.usedBytes).toBeLessThanOrEqual(2 * PAGE_BYTES);
    expect(restored(cache, evicted, text(...repeat(2, 40)))).toEqual(repeat(2, 32));
  });

  test('pictures themselves are not held', () => {
    const cache = new NumberCache();
    const evicted = new EvictedPrefixes(cache, 100 * PAGE_BYTES, always);
    const tokens = repeat(0, 40);
    keep(cache, evicted, { tokens, images: [{ at: 8, hash: 'one' }] });
    expect(evicted.common({ tokens, images: [{ at: 8, hash: 'one' }] })).toBe(40);
    expect(evicted.common({ tokens, images: [{ at: 8, hash: 'other' }] })).toBe(8);
  });

  test('whatever comes in whatever order, never more bytes are held, and what comes back is what the prompt has', () => {
    const token = fc.integer({ min: 1, max: 2 });
    const blocks = fc.array(fc.tuple(token, fc.integer({ min: 1, max: 70 })), { minLength: 1, maxLength: 4 });
    const pasts = fc.array(
      blocks.map((runs) => runs.flatMap(([value, count]) => repeat(value, count))),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(pasts, fc.integer({ min: 1, max: 8 }), (all, pages) => {
        const cache = new NumberCache();
        const evicted = new EvictedPrefixes(cache, pages * PAGE_BYTES, always);
        for (const past of all) {
          const prompt = text(...past);
          const before = evicted.common(prompt);
          expect(restored(cache, evicted, prompt)).toEqual(past.slice(0, before));
          keep(cache, evicted, prompt);
          expect(evicted.usedBytes).toBeLessThanOrEqual(pages * PAGE_BYTES);
          expect(evicted.common(prompt)).toBeGreaterThanOrEqual(before);
          expect(commonPrefix(text(...restored(cache, evicted, prompt)), prompt)).toBe(evicted.common(prompt));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a past that lies far from free cells', () => {
  /** Whatever goes on from another's cells would reach over all of them. */
  class FarCache extends NumberCache {
    reach(): number {
      return 10_000;
    }
  }

  const cold = (): { cache: FarCache; prefixes: PrefixCache } => {
    const cache = new FarCache();
    return { cache, prefixes: new PrefixCache(cache, 4) };
  };

  function begin({ cache, prefixes }: ReturnType<typeof cold>, sequence: number, tokens: number[]): [shared: number, had: number[]] {
    const shared = prefixes.begin(sequence, { tokens: Int32Array.from(tokens), images: [] });
    while (prefixes.canRestore(sequence) && prefixes.restore(sequence) > 0);
    const had = cache.of(sequence);
    cache.append(sequence, tokens.slice(had.length));
    return [shared, had];
  }

  test('is copied where it is short, but never its last token', () => {
    const both = cold();
    begin(both, 1, [7, 7, ...repeat(1, 40)]);
    both.prefixes.end(1);
    expect(begin(both, 2, [7, 7, ...repeat(2, 40)])).toEqual([0, [7, 7]]);
    // From one that still runs, too.
    expect(begin(both, 3, [7, 7, 2])).toEqual([0, [7, 7]]);
    expect(both.cache.saves).toBe(4);
    const template = Array.from({ length: 100 }, (_, i) => i + 10);
    begin(both, 4, [...template, 1]);
    expect(begin(both, 5, [...template, 2])).toEqual([0, template]);
  });

  test('is shared where it is long', () => {
    const both = cold();
    begin(both, 1, repeat(1, 400));
    expect(begin(both, 2, repeat(1, 300))).toEqual([299, repeat(1, 299)]);
    expect(both.cache.saves).toBe(0);
  });

  test('is computed again where it is gone meanwhile', () => {
    const both = cold();
    begin(both, 1, repeat(1, 40));
    both.prefixes.end(1);
    expect(both.prefixes.begin(2, { tokens: Int32Array.from(repeat(1, 40)), images: [] })).toBe(0);
    expect(both.prefixes.canRestore(2)).toBe(true);
    both.prefixes.evict();
    expect([both.prefixes.canRestore(2), both.prefixes.restore(2)]).toEqual([false, 0]);
  });
});

describe('sequences that are evicted', () => {
  const CELLS = 100;

  function setUp(capacity: number): { cache: NumberCache; prefixes: PrefixCache } {
    const cache = new NumberCache(CELLS);
    return { cache, prefixes: new PrefixCache(cache, capacity, new EvictedPrefixes(cache, 100 * PAGE_BYTES, always)) };
  }

  /** Runs a prompt. @returns tokens that did not have to be computed */
  function run({ cache, prefixes }: ReturnType<typeof setUp>, sequence: number, tokens: number[]): number {
    prefixes.begin(sequence, { tokens: Int32Array.from(tokens), images: [] });
    while (prefixes.canRestore(sequence) && prefixes.restore(sequence) > 0);
    const had = cache.length(sequence);
    expect(cache.of(sequence)).toEqual(tokens.slice(0, had));
    const rest = tokens.slice(had);
    while (cache.used + rest.length > CELLS && prefixes.evict());
    cache.append(sequence, rest);
    prefixes.end(sequence);
    return had;
  }

  test('are gone on with when their prompt comes again, but never their last token, and lie in memory once', () => {
    const both = setUp(1);
    const [one, two] = [repeat(1, 40), repeat(2, 40)];
    expect([run(both, 1, one), run(both, 2, two)]).toEqual([0, 0]);
    const bytes = both.prefixes.evictedBytes;
    expect(bytes).toBe(2 * PAGE_BYTES);
    expect(run(both, 3, one)).toBe(39);
    expect(run(both, 4, [...two, 9])).toBe(40);
    expect(run(both, 5, [...one, 8])).toBe(40);
    expect(both.prefixes.evictedBytes).toBe(2 * bytes);
    expect(both.cache.saves).toBe(80);
  });

  test('come back behind what still lies in cells, and have others evicted where there are too few', () => {
    const both = setUp(4);
    const shared = repeat(1, 20);
    run(both, 1, [...shared, ...repeat(2, 40)]);
    run(both, 2, [...shared, ...repeat(3, 60)]);
    expect(both.cache.length(1)).toBe(0);
    expect(run(both, 3, [...shared, ...repeat(2, 40), 9])).toBe(60);
    expect(both.cache.length(2)).toBe(0);
    expect(run(both, 4, [...shared, ...repeat(3, 60), 9])).toBe(80);
  });

  test('a prompt that nobody evicts for takes as much as there are cells', () => {
    const both = setUp(4);
    run(both, 1, repeat(1, 90));
    both.prefixes.begin(2, { tokens: Int32Array.from(repeat(2, 80)), images: [] });
    while (both.prefixes.evict());
    both.cache.append(2, repeat(2, 80));
    both.prefixes.begin(3, { tokens: Int32Array.from(repeat(1, 90)), images: [] });
    expect(both.prefixes.canRestore(3)).toBe(true);
    expect([both.prefixes.restore(3), both.cache.length(3)]).toEqual([0, 0]);
    both.prefixes.end(3);
    both.prefixes.end(2);
    expect(both.cache.length(3)).toBe(0);
  });
});
