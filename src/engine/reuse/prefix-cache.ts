import type { KvCache } from '../kv-cache/kv-cache.js';
import { commonPrefix, type Past, type PastImage } from './past.js';

/** A sequence's past, as it grows. */
interface GrowingPast extends Past {
  readonly tokens: number[];
}

/**
 * Knows what every sequence holds in the KV cache, so that a new one begins with what another has in common with its prompt:
 * system message, pictures, earlier turns. Sequences that ended stay until their cells are needed, or too many others came after.
 */
export class PrefixCache {
  readonly #running = new Map<number, GrowingPast>();
  /** In order of last use. */
  readonly #ended = new Map<number, GrowingPast>();

  /** @param capacity sequences kept after their end; 0 turns reuse off */
  constructor(
    private readonly cache: Pick<KvCache, 'length' | 'share' | 'truncate'>,
    private readonly capacity: number,
  ) {}

  /** Whether anything is reused at all. */
  get enabled(): boolean {
    return this.capacity > 0;
  }

  /** Sequences that ended and are kept. */
  get kept(): number {
    return this.#ended.size;
  }

  /**
   * Begins a sequence with as much of its prompt as lies in the cache, but never with the last token: its logits are wanted.
   * @returns tokens that the sequence now has
   */
  begin(sequence: number, prompt: { readonly tokens: Int32Array; readonly images: readonly PastImage[] }): number {
    if (!this.enabled) return 0;
    let longest = 0;
    let source: number | undefined;
    for (const [other, past] of [...this.#ended, ...this.#running]) {
      // A past may be ahead of the cache while its prompt is computed.
      const common = Math.min(commonPrefix(past, prompt), this.cache.length(other), prompt.tokens.length - 1);
      if (common > longest) [longest, source] = [common, other];
    }
    this.#running.set(sequence, { tokens: [...prompt.tokens], images: prompt.images });
    if (source === undefined) return 0;
    this.#touch(source);
    return this.cache.share(source, sequence, longest);
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

  /** Frees the kept sequence that was not used for longest. @returns false when there is none */
  evict(): boolean {
    const [oldest] = this.#ended.keys();
    if (oldest === undefined) return false;
    this.#free(oldest);
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
