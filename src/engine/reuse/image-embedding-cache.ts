/**
 * Image tokens by the hash of a tile's pixels, the least recently used out first. It belongs to one vision encoder, so the
 * pixels alone tell what comes out.
 */
export class ImageEmbeddingCache {
  /** In order of last use. */
  readonly #entries = new Map<string, Float32Array>();
  #bytes = 0;

  /** @param capacity bytes; 0 keeps nothing */
  constructor(private readonly capacity: number) {}

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** [tokens, embedding], not to be changed. */
  get(hash: string): Float32Array | undefined {
    const values = this.#entries.get(hash);
    if (values === undefined) return undefined;
    this.#entries.delete(hash);
    this.#entries.set(hash, values);
    return values;
  }

  /** Keeps what fits. */
  set(hash: string, values: Float32Array): void {
    this.#delete(hash);
    if (values.byteLength > this.capacity) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + values.byteLength <= this.capacity) break;
      this.#delete(oldest);
    }
    this.#entries.set(hash, values);
    this.#bytes += values.byteLength;
  }

  #delete(hash: string): void {
    this.#bytes -= this.#entries.get(hash)?.byteLength ?? 0;
    this.#entries.delete(hash);
  }
}
