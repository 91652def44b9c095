import { EdgeVlmError } from '../../core/errors.js';

/**
 * Something native with an owner. A resource knows what it stands on and refuses to be freed while anything
 * stands on it, so no pointer outlives the memory behind it.
 */
export abstract class Resource implements Disposable {
  readonly #parents: readonly Resource[];
  readonly #children = new Set<Resource>();
  #disposed = false;

  protected constructor(
    readonly label: string,
    parents: readonly Resource[] = [],
  ) {
    for (const parent of parents) parent.#adopt(this);
    this.#parents = parents;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** @throws ENGINE_DISPOSED after `dispose` */
  assertAlive(): void {
    if (this.#disposed) throw new EdgeVlmError('ENGINE_DISPOSED', `${this.label} is already freed`);
  }

  /** Frees the native side once. @throws ENGINE_DISPOSED while a child is alive */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    if (this.#children.size > 0) {
      const names = [...this.#children].map((child) => child.label).join(', ');
      throw new EdgeVlmError('ENGINE_DISPOSED', `${this.label} cannot be freed under ${names}`);
    }
    this.#disposed = true;
    this.release();
    for (const parent of this.#parents) parent.#children.delete(this);
  }

  /** For a constructor that cannot finish: takes the resource back from its parents, which can then be freed. */
  protected failed(error: EdgeVlmError): EdgeVlmError {
    this.#disposed = true;
    for (const parent of this.#parents) parent.#children.delete(this);
    return error;
  }

  /** For a constructor whose parts may fail: makes one, or takes the resource back from its parents. */
  protected owning<Part>(make: () => Part): Part {
    try {
      return make();
    } catch (thrown) {
      throw this.failed(EdgeVlmError.from(thrown));
    }
  }

  /** Frees the native side; called once. */
  protected abstract release(): void;

  #adopt(child: Resource): void {
    this.assertAlive();
    this.#children.add(child);
  }
}
