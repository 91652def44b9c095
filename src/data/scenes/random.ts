import { createHash } from 'node:crypto';

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * xoshiro128** 1.1 by David Blackman and Sebastiano Vigna (https://prng.di.unimi.it/xoshiro128starstar.c).
 * A key's 128-bit state is the head of its SHA-256, so streams of different keys do not overlap in practice.
 */
export class Random {
  /** The four words of the state, not all zero. */
  constructor(
    private a: number,
    private b: number,
    private c: number,
    private d: number,
  ) {}

  /** The stream of a key. */
  static of(key: string): Random {
    const digest = createHash('sha256').update(key).digest();
    return new Random(digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12));
  }

  /** The next 32 random bits, 0 to 2³² − 1. */
  bits(): number {
    const result = Math.imul(rotl(Math.imul(this.b, 5), 7), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = rotl(this.d, 11);
    return result >>> 0;
  }

  /** A number in [low, high). */
  uniform(low: number, high: number): number {
    return low + (this.bits() / 2 ** 32) * (high - low);
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor((this.bits() / 2 ** 32) * count);
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const index = this.below(list.length);
    const item = list[index];
    if (item === undefined) throw new RangeError('pick from an empty list');
    return item;
  }

  /** `count` different items of a list, in random order (Fisher–Yates). */
  sample<T>(list: readonly T[], count: number): T[] {
    const items = [...list];
    const taken: T[] = [];
    while (taken.length < count && items.length > 0) taken.push(...items.splice(this.below(items.length), 1));
    return taken;
  }
}
