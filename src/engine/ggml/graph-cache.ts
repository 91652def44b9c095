import type { Backend } from './backend.js';
import { GraphAllocator } from './graph-allocator.js';
import type { Graph } from './graph.js';

/** A graph with the tensors that it is run through. */
export interface KeptGraph {
  readonly graph: Graph;
}

/**
 * Graphs by their form, built when first needed; they share the memory for what they compute in between. Those of one kind do not drive out
 * another's: every prompt has a length of its own, and steps that come again and again must not be built again after each.
 */
export class GraphCache<Kept extends KeptGraph> implements Disposable {
  readonly #allocator: GraphAllocator;
  /** In order of last use. */
  readonly #graphs = new Map<string, { readonly kept: Kept; readonly kind: string }>();
  #built = 0;

  /** @param capacity graphs kept of each kind; the one that was not used for longest goes */
  constructor(
    backend: Backend,
    private readonly capacity: number,
  ) {
    this.#allocator = new GraphAllocator(backend);
  }

  /** How many graphs were built so far: a steady decode builds none. */
  get built(): number {
    return this.#built;
  }

  /** @throws OUT_OF_MEMORY */
  get(key: string, build: () => Kept, kind = ''): Kept {
    const known = this.#graphs.get(key);
    if (known !== undefined) {
      this.#graphs.delete(key);
      this.#graphs.set(key, known);
      return known.kept;
    }
    const built = build();
    this.#built++;
    // What was placed before has lost its memory.
    if (this.#allocator.place(built.graph)) this.#drop();
    this.#graphs.set(key, { kept: built, kind });
    const alike = [...this.#graphs].filter(([, other]) => other.kind === kind);
    const [oldest] = alike;
    if (alike.length > this.capacity && oldest !== undefined) {
      this.#graphs.delete(oldest[0]);
      oldest[1].kept.graph[Symbol.dispose]();
    }
    return built;
  }

  [Symbol.dispose](): void {
    this.#drop();
    this.#allocator[Symbol.dispose]();
  }

  #drop(): void {
    for (const { kept } of this.#graphs.values()) kept.graph[Symbol.dispose]();
    this.#graphs.clear();
  }
}
