import type { KvCache, TokenCopies } from '../kv-cache/kv-cache.js';
import { fitsMemory } from '../memory-budget.js';
import { commonPrefix, type Past } from './past.js';

/** Tokens of a page: half a page of a past is lost on average, and a copy is a call for each page and layer. */
const PAGE_TOKENS = 32;
/** What is shorter is computed as soon as it is copied. */
const LEAST_TOKENS = 16;

/** A past in memory. What it has in common with another lies there only. */
interface StoredPast extends Past {
  readonly parent: StoredPast | null;
  /** Tokens that are the parent's; `pages` begin behind them. */
  readonly from: number;
  readonly pages: readonly Uint8Array[];
  /** How many others lie in part in this one. It stays as long as they do. */
  children: number;
}

/**
 * What sequences held whose cells others needed, copied to this process's memory, the least recently used out first. Memory is taken page by
 * page and kept for the next past: it never exceeds the capacity, and nothing waits for a garbage collector.
 */
export class EvictedPrefixes {
  /** In order of last use. */
  readonly #entries = new Set<StoredPast>();
  readonly #free: Uint8Array[] = [];
  readonly #pageBytes: number;
  /** Pages that may be taken. */
  #most: number;
  /** Pages that were. */
  #taken = 0;

  /** @param capacity bytes @param mayTake whether the machine could give so many more bytes */
  constructor(
    private readonly copies: TokenCopies,
    capacity: number,
    private readonly mayTake: (bytes: number) => boolean = fitsMemory,
  ) {
    this.#pageBytes = PAGE_TOKENS * copies.tokenBytes;
    this.#most = Math.floor(capacity / this.#pageBytes);
  }

  /** Those of a cache; null where it cannot copy, or nothing of it would fit into so many bytes. */
  static of({ copies }: Pick<KvCache, 'copies'>, capacity: number): EvictedPrefixes | null {
    const evicted = copies === undefined ? null : new EvictedPrefixes(copies, capacity);
    return evicted !== null && evicted.#most > 0 ? evicted : null;
  }

  /** Bytes that pasts lie in. */
  get usedBytes(): number {
    return this.#pageBytes * (this.#taken - this.#free.length);
  }

  /** Copies what a sequence holds and no other past here has; as much of it as there is room for, the newest pasts before older ones. */
  keep(sequence: number, past: Past): void {
    const { entry: parent, length: from } = this.#find(past);
    if (parent !== null) this.#touch(parent);
    const { tokens, images } = past;
    if (tokens.length - from < LEAST_TOKENS) return;
    // It must not give way to what goes on from it.
    if (parent !== null) parent.children++;
    this.#grow(Math.ceil((tokens.length - from) / PAGE_TOKENS));
    const pages: Uint8Array[] = [];
    let end = from;
    while (end < tokens.length) {
      const page = this.#page();
      if (page === undefined) break;
      const count = Math.min(PAGE_TOKENS, tokens.length - end);
      this.copies.save(sequence, end, count, page);
      pages.push(page);
      end += count;
    }
    if (pages.length > 0) this.#entries.add({ tokens: Array.from(tokens).slice(0, end), images, parent, from, pages, children: 0 });
    else if (parent !== null) parent.children--;
  }

  /** How many tokens of a prompt are here, from its first one on. */
  common(prompt: Past): number {
    return this.#find(prompt).length;
  }

  /**
   * Goes on with a sequence that has the first `have` tokens of a prompt: a page's worth.
   * @returns tokens that it got; 0 where no past here goes on with the prompt
   * @throws CONTEXT_FULL
   */
  restore(sequence: number, prompt: Past, have: number): number {
    const { entry, length } = this.#find(prompt);
    if (entry === null || length <= have) return 0;
    this.#touch(entry);
    // Whose pages these tokens lie in, and up to where.
    let [owner, end] = [entry, length];
    while (owner.parent !== null && have < owner.from) [owner, end] = [owner.parent, Math.min(end, owner.from)];
    const at = have - owner.from;
    const page = owner.pages[Math.floor(at / PAGE_TOKENS)];
    if (page === undefined) return 0;
    const first = at % PAGE_TOKENS;
    const count = Math.min(PAGE_TOKENS - first, end - have);
    this.copies.restore(sequence, page, first, count);
    return count;
  }

  #find(past: Past): { readonly entry: StoredPast | null; readonly length: number } {
    let longest: { entry: StoredPast | null; length: number } = { entry: null, length: 0 };
    for (const entry of this.#entries) {
      const length = commonPrefix(entry, past);
      if (length > longest.length) longest = { entry, length };
    }
    return longest;
  }

  /** What it lies in is used with it, and is the newer one: children go first. */
  #touch(entry: StoredPast): void {
    for (let used: StoredPast | null = entry; used !== null; used = used.parent) {
      this.#entries.delete(used);
      this.#entries.add(used);
    }
  }

  /** Takes as many pages as are wanted beyond the free ones, as far as it may. */
  #grow(wanted: number): void {
    const pages = Math.min(wanted - this.#free.length, this.#most - this.#taken);
    if (pages <= 0 || !this.mayTake(pages * this.#pageBytes)) return;
    try {
      for (let i = 0; i < pages; i++, this.#taken++) this.#free.push(new Uint8Array(this.#pageBytes));
    } catch {
      // No more memory, whatever was planned: what is there has to do.
      this.#most = this.#taken;
    }
  }

  #page(): Uint8Array | undefined {
    while (this.#free.length === 0) if (!this.#forgetOldest()) return undefined;
    return this.#free.pop();
  }

  #forgetOldest(): boolean {
    for (const entry of this.#entries) {
      if (entry.children > 0) continue;
      this.#entries.delete(entry);
      this.#free.push(...entry.pages);
      if (entry.parent !== null) entry.parent.children--;
      return true;
    }
    return false;
  }
}
