import { EdgeVlmError } from '../../core/errors.js';
import type { KvCache, TokenCopies } from '../kv-cache/kv-cache.js';
import { takeCells } from '../kv-cache/take-cells.js';
import type { EvictedPrefixes } from './evicted-prefixes.js';
import { commonPrefix, type Past, type PastImage } from './past.js';

/** Tokens copied in one go; others have their turn in between. */
const PIECE_TOKENS = 512;
/** A past of up to so many tokens is copied where to share it would have attention look through more than so many cells of others. */
const MOST_COPIED = 256;
const PAGE_TOKENS = 32;
const FAR_CELLS = 256;

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
    private readonly cache: Pick<KvCache, 'length' | 'expect' | 'reach' | 'share' | 'truncate' | 'copies'>,
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
   * Begins a sequence with as much of its prompt as lies in the cache, but never with the last token: its logits are wanted. A short past whose
   * cells lie far from those that are free is left to `restore`, which copies it.
   * @returns tokens that the sequence now has
   */
  begin(sequence: number, prompt: { readonly tokens: Int32Array; readonly images: readonly PastImage[] }): number {
    const { cache } = this;
    cache.expect?.(sequence, prompt.tokens.length);
    if (!this.enabled) return 0;
    const found = this.#longest(prompt);
    // Pictures themselves are not kept.
    const images = prompt.images.map(({ at, hash }) => ({ at, hash }));
    this.#running.set(sequence, { tokens: [...prompt.tokens], images });
    if (found === undefined) return 0;
    const { source, length } = found;
    this.#touch(source);
    const tokens = prompt.tokens.length;
    const isFar = length <= MOST_COPIED && (cache.reach?.(source, length, tokens) ?? 0) > tokens + FAR_CELLS;
    return isFar && cache.copies !== undefined ? 0 : cache.share(source, sequence, length);
  }

  /** Whether evicted sequences, or cells that were not shared, have more of a prompt that has just begun than its cells. */
  canRestore(sequence: number): boolean {
    const prompt = this.#running.get(sequence);
    if (prompt === undefined) return false;
    const have = this.cache.length(sequence);
    if (this.#copyable(sequence, prompt) !== undefined) return true;
    return this.evicted !== null && Math.min(this.evicted.common(prompt), prompt.tokens.length - 1) > have;
  }

  /**
   * Goes on with a prompt that has just begun from what others had in common with it, a piece at a time. Not while a graph runs:
   * it takes free cells.
   * @returns tokens that the sequence got; 0 where there are no more, or no cells for them
   */
  restore(sequence: number): number {
    const { evicted, cache } = this;
    const { copies } = cache;
    const prompt = this.#running.get(sequence);
    if (prompt === undefined) return 0;
    const before = cache.length(sequence);
    const copyable = this.#copyable(sequence, prompt);
    try {
      if (copyable !== undefined && copies !== undefined) {
        this.#copy(copies, copyable, sequence);
      } else if (evicted !== null) {
        // Never the last token: its logits are wanted.
        const wanted = { tokens: prompt.tokens.slice(0, -1), images: prompt.images };
        while (cache.length(sequence) - before < PIECE_TOKENS) {
          const got = takeCells(
            () => evicted.restore(sequence, wanted, cache.length(sequence)),
            () => this.evict(),
          );
          if (got === 0) break;
        }
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

  /** Who has most of a prompt in cells, and how many tokens; never the last one. */
  #longest(prompt: Past, apartFrom?: number): { readonly source: number; readonly length: number } | undefined {
    let longest: { source: number; length: number } | undefined;
    for (const [source, past] of [...this.#ended, ...this.#running]) {
      if (source === apartFrom) continue;
      // A past may be ahead of the cache while its prompt is computed.
      const length = Math.min(commonPrefix(past, prompt), this.cache.length(source), prompt.tokens.length - 1);
      if (length > (longest?.length ?? 0)) longest = { source, length };
    }
    return longest;
  }

  /** What a sequence without any cells may copy from another's. */
  #copyable(sequence: number, prompt: Past): { readonly source: number; readonly length: number } | undefined {
    if (this.cache.copies === undefined || this.cache.length(sequence) > 0) return undefined;
    const found = this.#longest(prompt, sequence);
    return found !== undefined && found.length <= MOST_COPIED ? found : undefined;
  }

  /** Page by page: a token of a large model takes half a megabyte. What is copied ends where its source has to give way. */
  #copy(copies: TokenCopies, { source, length }: { readonly source: number; readonly length: number }, to: number): void {
    const page = new Uint8Array(Math.min(length, PAGE_TOKENS) * copies.tokenBytes);
    for (let at = 0; at < length && this.cache.length(source) >= length; at += PAGE_TOKENS) {
      const count = Math.min(PAGE_TOKENS, length - at);
      copies.save(source, at, count, page);
      takeCells(
        () => {
          copies.restore(to, page, 0, count);
        },
        () => this.evict(),
      );
    }
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
