import { EdgeVlmError } from '../../core/errors.js';
import type { KvCache } from '../kv-cache/kv-cache.js';
import { takeCells } from '../kv-cache/take-cells.js';
import type { EvictedPrefixes } from './evicted-prefixes.js';
import { commonPrefix, type Past, type PastImage } from './past.js';

/** Tokens copied in one go; others have their turn in between. */
const PIECE_TOKENS = 512;

/** A sequence's past, as it grows. */
interface GrowingPast extends Past {
  readonly tokens: number[];
}

/**
 * Knows what every sequence holds in the KV cache, so that a new one begins with what another has in common with its prompt:
 * system message, pictures, earlier turns. Sequences that ended stay until their cells are needed, or too many others came after; then
 * they are copied to this process's memory, where there is room for that.
 */
export class PrefixCache {
  readonly #running = new Map<number, GrowingPast>();
  /** In order of last use. */
  readonly #ended = new Map<number, GrowingPast>();

  /** @param capacity sequences kept after their end; 0 turns reuse off @param evicted null where what is evicted is forgotten */
  constructor(
    private readonly cache: Pick<KvCache, 'length' | 'expect' | 'share' | 'truncate'>,
    private readonly capacity: number,
    private readonly evicted: EvictedPrefixes | null = null,
  ) {}

  /** Whether anything is reused at all. */
  get enabled(): boolean {
    return this.capacity > 0;
  }

  /** Sequences that ended and are kept. */
  get kept(): number {
    return this.#ended.size;
  }

  /** Bytes of this process's memory that evicted sequences lie in. */
  get evictedBytes(): number {
    return this.evicted?.usedBytes ?? 0;
  }

  /**
   * Begins a sequence with as much of its prompt as lies in the cache, but never with the last token: its logits are wanted.
   * @returns tokens that the sequence now has
   */
  begin(sequence: number, prompt: { readonly tokens: Int32Array; readonly images: readonly PastImage[] }): number {
    this.cache.expect?.(sequence, prompt.tokens.length);
    if (!this.enabled) return 0;
    let longest = 0;
    let source: number | undefined;
    for (const [other, past] of [...this.#ended, ...this.#running]) {
      // A past may be ahead of the cache while its prompt is computed.
      const common = Math.min(commonPrefix(past, prompt), this.cache.length(other), prompt.tokens.length - 1);
      if (common > longest) [longest, source] = [common, other];
    }
    // Pictures themselves are not kept.
    const images = prompt.images.map(({ at, hash }) => ({ at, hash }));
    this.#running.set(sequence, { tokens: [...prompt.tokens], images });
    if (source === undefined) return 0;
    this.#touch(source);
    return this.cache.share(source, sequence, longest);
  }

  /** Whether evicted sequences have more of a prompt that has just begun than its cells. */
  canRestore(sequence: number): boolean {
    const prompt = this.#running.get(sequence);
    if (this.evicted === null || prompt === undefined) return false;
    return Math.min(this.evicted.common(prompt), prompt.tokens.length - 1) > this.cache.length(sequence);
  }

  /**
   * Goes on with a prompt that has just begun from what evicted sequences had in common with it, a piece at a time. Not while a graph runs:
   * it takes free cells.
   * @returns tokens that the sequence got; 0 where there are no more, or no cells for them
   */
  restore(sequence: number): number {
    const { evicted, cache } = this;
    const prompt = this.#running.get(sequence);
    if (evicted === null || prompt === undefined) return 0;
    // Never the last token: its logits are wanted.
    const wanted = { tokens: prompt.tokens.slice(0, -1), images: prompt.images };
    const before = cache.length(sequence);
    try {
      while (cache.length(sequence) - before < PIECE_TOKENS) {
        const got = takeCells(
          () => evicted.restore(sequence, wanted, cache.length(sequence)),
          () => this.evict(),
        );
        if (got === 0) break;
      }
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL')) throw thrown;
    }
    return cache.length(sequence) - before;
  }

  /** Tells what was appended to a sequence. */
  append(sequence: number, tokens: Int32Array): void {
    this.#running.get(sequence)?.tokens.push(...tokens);
  }

  /** Forgets a sequence's tokens from `length` on, here and in the cache. */
  truncate(sequence: number, length: number): void {
    this.cache.truncate(sequence, length);
    this.#running.get(sequence)?.tokens.splice(length);
  }

  /** Keeps a sequence that is complete, cancelled or failed, instead of those that it holds whole; frees one that was never begun. */
  end(sequence: number): void {
    const past = this.#running.get(sequence);
    this.#running.delete(sequence);
    past?.tokens.splice(this.cache.length(sequence));
    const length = past?.tokens.length ?? 0;
    this.cache.truncate(sequence, length);
    if (past === undefined || length === 0) return;
    for (const [other, older] of this.#ended) {
      const common = commonPrefix(past, older);
      if (common === older.tokens.length) {
        this.#free(other);
      } else if (common === length) {
        this.#touch(other);
        this.cache.truncate(sequence, 0);
        return;
      }
    }
    this.#ended.set(sequence, past);
    if (this.#ended.size > this.capacity) this.evict();
  }

  /** Frees the cells of the kept sequence that was not used for longest. @returns false when there is none */
  evict(): boolean {
    const [oldest] = this.#ended;
    if (oldest === undefined) return false;
    this.evicted?.keep(...oldest);
    this.#free(oldest[0]);
    return true;
  }

  #free(sequence: number): void {
    this.#ended.delete(sequence);
    this.cache.truncate(sequence, 0);
  }

  #touch(sequence: number): void {
    const past = this.#ended.get(sequence);
    if (past === undefined) return;
    this.#ended.delete(sequence);
    this.#ended.set(sequence, past);
  }
}
